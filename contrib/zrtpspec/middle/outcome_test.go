package middle_test

import (
	"errors"
	"testing"

	"karat/contrib/zrtpspec/middle"
	"karat/zrtp/wire"
)

// What must never be has no outcome, and is an error.
func TestJudge(t *testing.T) {
	keys := func(sas, sends, hears string) middle.Fate {
		return middle.Fate{Secure: true, SAS: sas, Sends: sends, Hears: hears}
	}
	with := func(f middle.Fate, change func(*middle.Fate)) middle.Fate {
		change(&f)
		return f
	}
	known := func(f *middle.Fate) { f.Known = true }
	verified := func(f *middle.Fate) { f.Verified = true }
	alarmed := func(f *middle.Fate) { f.Alarmed = true }
	failed := middle.Fate{Failed: true, Code: uint32(wire.CodeBadConfirmMAC)}
	mute := middle.Fate{Mute: true}

	adds := middle.Attack{Want: middle.Unharmed}
	changes := middle.Attack{Want: middle.Ended}
	for _, c := range []struct {
		name   string
		attack middle.Attack
		a, b   middle.Fate
		want   middle.Outcome // none: never
	}{
		{"each other's keys", adds, keys("s", "1", "2"), keys("s", "2", "1"), middle.Unharmed},
		{"keys of M, one SAS", adds, keys("s", "1", "2"), keys("s", "3", "4"), ""},
		{"keys of M, two SAS", changes, keys("s", "1", "2"), keys("t", "3", "4"), middle.TwoSAS},
		{"keys of M, taken for a known phone", changes, with(keys("s", "1", "2"), known), keys("t", "3", "4"), ""},
		{"keys of M, taken for compared", changes, keys("s", "1", "2"), with(keys("t", "3", "4"), verified), ""},
		{"keys of M, one alarm of two", changes, with(keys("s", "1", "2"), alarmed), with(keys("t", "3", "4"), known), ""},
		{"keys of M, two alarms", changes, with(keys("s", "1", "2"), alarmed), with(keys("t", "3", "4"), alarmed), middle.Alarm},
		{"no keys", changes, failed, middle.Fate{Failed: true, ByPeer: true}, middle.Ended},
		{"no keys, and nobody says so", changes, middle.Fate{}, middle.Fate{}, ""},
		{"keys beside an end that failed", changes, keys("s", "1", "2"), failed, ""},
		{"keys beside a commitment that does not hold", changes, keys("s", "1", "2"), middle.Fate{Failed: true, Code: uint32(wire.CodeBadCommitment)}, middle.OneLeft},
		{"keys beside a mute end without", changes, keys("s", "1", "2"), mute, middle.OneSilent},
		{"the last message kept back", adds, keys("s", "1", "2"), failed, middle.Severed},
		{"the last message kept back from a mute end", adds, keys("s", "1", "2"), mute, middle.Severed},
		{"the last message kept back, unnoticed", adds, keys("s", "1", "2"), middle.Fate{}, ""},
	} {
		got, err := c.attack.Judge(c.a, c.b)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
		if never := errors.Is(err, middle.ErrNever); never != (err != nil && (c.a.Secure || c.b.Secure)) {
			t.Errorf("%s: %v; what must never be: %t", c.name, err, never)
		}
	}
}
