package view

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"karat/softphone"
	"karat/softphone/assay"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "sip:alice@example.org", "sip:alice@example.org"},
		{"letters of the world", "Zoë 山田 Ελένη שרה", "Zoë 山田 Ελένη שרה"},
		{"colour", "\x1b[31mred", "�[31mred"},
		{"window title", "\x1b]0;owned\x07", "�]0;owned�"},
		{"C1 escape", "\u009b31m", "�31m"},
		{"raw C1 octet", "\x9b31m", "�31m"},
		{"new line", "a\r\nRegistered as b", "a��Registered as b"},
		{"overwriting", "a\b\bb", "a��b"},
		{"tab", "a\tb", "a�b"},
		{"right to left override", "gro.elpmaxe\u202e@ecila", "gro.elpmaxe�@ecila"},
		{"isolates", "\u2066a\u2069", "�a�"},
		{"invisible", "al\u200bice\ufeff\u00ad", "al�ice��"},
		{"tags", "a\U000e0041", "a�"},
		{"line separator", "a\u2028b\u2029", "a�b�"},
		{"space of another kind", "a\u00a0b\u3000", "a�b�"},
		{"letter that prints as nothing", "a\u3164\u2800", "a��"},
		{"not UTF-8", "a\xff\xc0b", "a��b"},
		{"one accent", "e\u0301", "e\u0301"},
		{"a pile of accents", "e" + strings.Repeat("\u0301", 50) + "f", "e" + strings.Repeat("\u0301", maxMarks) + "f"},
		{"endless", strings.Repeat("x", 5000), strings.Repeat("x", maxText) + "…"},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// hostile moves the cursor, reorders, hides, and does not end.
const hostile = "\x1b[2J\x1b]0;t\x07\u202egnp\u2066\u200b\r\nok\x9b" + "\u009b"

// spoil puts text into every string of a value.
func spoil(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Call" && v.Field(i).CanSet() {
				spoil(v.Field(i), text)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			s := reflect.MakeSlice(v.Type(), 2, 2)
			for i := range s.Len() {
				spoil(s.Index(i), text)
			}
			v.Set(s)
		}
	}
}

// everyEvent has one of each kind; TestEveryEventIsRendered holds it complete.
func everyEvent() []softphone.Event {
	return []softphone.Event{
		softphone.Registered{},
		softphone.RegistrationLost{},
		softphone.Incoming{},
		softphone.Dialing{},
		softphone.Ringing{},
		softphone.Answered{},
		softphone.Secure{},
		softphone.Mismatch{},
		softphone.Talking{},
		softphone.Assayed{},
		softphone.Media{},
		softphone.VoiceMissing{},
		softphone.VoiceMissing{Unauthenticated: 7},
		softphone.VoiceMissing{Back: true},
		softphone.Moving{},
		softphone.Moving{Done: true},
		softphone.Refused{},
		softphone.Held{},
		softphone.Held{Ours: true},
		softphone.Held{Theirs: true},
		softphone.Held{Ours: true, Theirs: true},
		softphone.DowngradeRefused{},
		softphone.TransferAsked{},
		softphone.TransferProgress{},
		softphone.TransferProgress{Ringing: true},
		softphone.TransferProgress{Done: true},
		softphone.TransferProgress{Done: true, OK: true},
		softphone.Redirected{},
		softphone.Consented{},
		softphone.Consented{Agreed: true},
		softphone.Text{},
		softphone.Text{From: "somebody"},
		softphone.MessagesWaiting{},
		softphone.MessagesWaiting{Waiting: true},
		softphone.MessagesWaiting{Waiting: true, New: 2, Old: 8},
		softphone.Notice{},
		softphone.Ended{Outcome: softphone.Private},
		softphone.Ended{Outcome: softphone.Failed},
		softphone.Ended{Outcome: softphone.NotPrivate},
		softphone.Ended{Outcome: softphone.NotAnswered},
		softphone.Ended{Outcome: softphone.Unreachable},
	}
}

// TestNothingHostileReachesATerminal puts hostile text into every string of
// every event: none of it comes out of lines, screen or JSON.
func TestNothingHostileReachesATerminal(t *testing.T) {
	for _, ev := range everyEvent() {
		spoilt := reflect.New(reflect.TypeOf(ev)).Elem()
		spoilt.Set(reflect.ValueOf(ev))
		spoil(spoilt, hostile)
		t.Run(fmt.Sprintf("%T", ev), func(t *testing.T) {
			ev := spoilt.Interface().(softphone.Event)
			for _, line := range Lines(ev) {
				wantClean(t, line)
			}
			object, ok := JSON(ev)
			if !ok {
				t.Fatal("it has no JSON")
			}
			b, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			wantClean(t, string(b))
			m := &Model{}
			m.Apply(softphone.Dialing{To: hostile})
			m.Apply(softphone.Secure{SAS: hostile})
			m.Apply(ev)
			wantCleanPhone(t, m.Phone())
			m = &Model{}
			m.Apply(ev)
			wantCleanPhone(t, m.Phone())
		})
	}
}

func wantCleanPhone(t *testing.T, p Phone) {
	t.Helper()
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			wantClean(t, v.String())
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					look(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		}
	}
	look(reflect.ValueOf(p))
}

func wantClean(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			t.Errorf("%U came through: %q", r, text)
			return
		}
	}
}

// Our own sentences are not cut.
func TestSentencesFit(t *testing.T) {
	f := assay.Facts{KeyFile: true, ContactUser: true}
	for _, finding := range assay.Assess(f).Findings {
		if got := sentence(finding.Why); got != finding.Why {
			t.Errorf("%q became %q", finding.Why, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(hostile)
	f.Add("Zoë")
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		wantClean(t, got)
		if n := utf8.RuneCountInString(got); n > maxText+1 {
			t.Errorf("%d characters", n)
		}
		if !strings.HasSuffix(got, "…") && Clean(got) != got {
			t.Errorf("%q is cleaned again to %q", got, Clean(got))
		}
	})
}
