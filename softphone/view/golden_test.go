package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"karat/softphone"
)

var update = flag.Bool("update", false, "write the golden files anew")

// stories are calls as people have them. testdata holds what is seen of each.
func stories() map[string][]step {
	registered := step{"registered", softphone.Registered{Head: softphone.Head{Time: noon}, Account: "sip:alice@example.org"}}
	return map[string][]step{
		"first-call":   {registered, dialing, ringing, answered, isPending, secured, isPrivate, talking, figures, isProved, over},
		"mismatch":     {registered, incoming, answered, mismatch, secured, isWrong, isCleared, talking, over},
		"turned-away":  {turnedAway, step{"ended", softphone.Ended{Head: at(45), Why: "no ZRTP", Outcome: softphone.NotPrivate}}},
		"no-answer":    {dialing, ringing, notTaken},
		"not-private":  {dialing, answered, refused, step{"ended", softphone.Ended{Head: at(7), Why: "no keys", Outcome: softphone.NotPrivate}}},
		"out-of-reach": {step{"lost", softphone.RegistrationLost{Head: softphone.Head{Time: noon}, Account: "sip:alice@example.org", Why: "no route", Retry: 30 * time.Second}}, dialing, step{"ended", softphone.Ended{Head: at(3), Why: "no route", Outcome: softphone.Unreachable}}},
		"waiting": {
			dialing, answered, secured, isProved, talking,
			step{"held here", softphone.Held{Head: at(7), Ours: true}},
			step{"held at both ends", softphone.Held{Head: at(8), Ours: true, Theirs: true}},
			step{"held there", softphone.Held{Head: at(9), Theirs: true}},
			step{"resumed", softphone.Held{Head: at(10)}},
			step{"not heard", softphone.VoiceMissing{Head: at(10)}},
			step{"heard again", softphone.VoiceMissing{Head: at(10), Back: true}},
			step{"others heard", softphone.VoiceMissing{Head: at(10), Unauthenticated: 80}},
			step{"figures", softphone.Media{Head: at(10), Sent: 9, Unauthenticated: 80}},
			step{"moving", softphone.Moving{Head: at(10), Why: "The network changed: the call is being moved to the new one. Its keys stay."}},
			step{"moved", softphone.Moving{Head: at(10), Done: true}},
			step{"held again", softphone.Held{Head: at(10), Theirs: true}},
			step{"and not", softphone.Held{Head: at(10)}},
			step{"a downgrade", softphone.DowngradeRefused{Head: at(11), Why: "the other side asks for less"}},
			step{"a message", softphone.Text{Head: at(12), Body: "call me back"}},
			step{"a message from outside", softphone.Text{Head: softphone.Head{Time: noon}, From: "Bob <sip:bob@example.org>", Body: "call me back"}},
			step{"a mailbox", softphone.MessagesWaiting{Head: softphone.Head{Time: noon}, Account: "sip:alice@example.org", Waiting: true, New: 2, Old: 8}},
			step{"a transfer asked for", softphone.TransferAsked{Head: at(13), To: "sip:carol@example.org"}},
			step{"and declined", softphone.Consented{Head: at(14)}},
			over,
		},
		"transfer": {
			dialing,
			step{"redirected", softphone.Redirected{Head: at(1), To: "sip:bob@elsewhere.example"}},
			step{"agreed to", softphone.Consented{Head: at(2), Agreed: true}},
			answered, secured, isProved, talking,
			step{"asked", softphone.TransferProgress{Head: at(7), To: "sip:carol@example.org"}},
			step{"rings", softphone.TransferProgress{Head: at(8), To: "sip:carol@example.org", Ringing: true}},
			step{"failed", softphone.TransferProgress{Head: at(9), To: "sip:carol@example.org", Done: true}},
			step{"done", softphone.TransferProgress{Head: at(10), To: "sip:carol@example.org", Done: true, OK: true}},
			over,
		},
		"internal-fail": {incoming, answered, secured, isPrivate, talking, step{"notice", softphone.Notice{Head: at(7), Text: "the sound card is gone"}}, failed},
	}
}

func TestGolden(t *testing.T) {
	for name, steps := range stories() {
		t.Run(name, func(t *testing.T) {
			got := tell(t, steps)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("run with -update if that is meant: %s", d)
			}
		})
	}
}

// tell writes down all that is seen of a story.
func tell(t *testing.T, steps []step) []byte {
	t.Helper()
	var b bytes.Buffer
	m := &Model{}
	for _, s := range steps {
		m.Apply(s.ev)
		fmt.Fprintf(&b, "== %s\n", s.name)
		for _, line := range Lines(s.ev) {
			fmt.Fprintf(&b, "%s\n", line)
		}
		object, _ := JSON(s.ev)
		j, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", j)
		for _, c := range m.Phone().Calls {
			fmt.Fprintf(&b, "[%v, %v] %s\n  peer %q, code %q, compared %v, private %v, %d promises\n  %q\n  %s\n",
				c.Stage, c.Level, c.Status, c.Peer, c.SAS, c.Compared, c.Private, len(c.Promises), c.Actions, c.Figures)
		}
	}
	return b.Bytes()
}

// TestJSONFields holds the fields that scripts rely on.
func TestJSONFields(t *testing.T) {
	want := map[string][]string{
		"registered": {"account"}, "ringing": {}, "answered": {}, "talking": {},
		"registration_lost": {"account", "retry_seconds", "why"},
		"dialing":           {"to"},
		"incoming":          {"from", "refused"},
		"held":              {"ours", "theirs"},
		"downgrade_refused": {"why"},
		"transfer_asked":    {"to"},
		"transfer":          {"done", "ok", "ringing", "to"},
		"redirected":        {"to"},
		"consented":         {"agreed"},
		"text":              {"from", "text"},
		"messages_waiting":  {"account", "new", "old", "waiting"},
		"secure":            {"auth_tag", "cipher", "continuity", "hash", "key_agreement", "sas", "verified"},
		"mismatch":          {"name"},
		"assay":             {"private", "promises"},
		"media":             {"concealed", "delay_ms", "jitter_ms", "loss_heard", "lost", "microphone_dbfs", "received", "restored", "rtt_ms", "sent", "unauthenticated"},
		"moving":            {"done", "why"},
		"voice_missing":     {"back", "unauthenticated"},
		"refused":           {"why"},
		"notice":            {"text"},
		"ended":             {"seconds", "why"},
	}
	seen := map[string]bool{}
	for _, ev := range everyEvent() {
		fields := marshalled(t, ev)
		event := fields["event"].(string)
		seen[event] = true
		var own []string
		for name := range fields {
			if name != "event" && name != "time" && name != "call" {
				own = append(own, name)
			}
		}
		slices.Sort(own)
		if len(fields) != len(own)+3 || !slices.Equal(own, want[event]) && len(own)+len(want[event]) > 0 {
			t.Errorf("%s has %q, want %q", event, own, want[event])
		}
	}
	if len(seen) != len(want) {
		t.Errorf("only %v were seen", seen)
	}
}

func marshalled(t *testing.T, ev softphone.Event) (fields map[string]any) {
	t.Helper()
	object, ok := JSON(ev)
	if !ok {
		t.Fatalf("%T has no JSON", ev)
	}
	b, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestJSONValues(t *testing.T) {
	zone := time.FixedZone("somewhere", 3600)
	fields := marshalled(t, softphone.Ended{Head: softphone.Head{Time: noon.In(zone), Call: "c1"}, Talked: 5020400 * time.Microsecond, Why: "hung up"})
	want := map[string]any{"event": "ended", "time": "2026-01-02T12:00:00.000Z", "call": "c1", "why": "hung up", "seconds": 5.02}
	if d := cmp.Diff(want, fields); d != "" {
		t.Error(d)
	}
	if _, err := time.Parse(time.RFC3339, fields["time"].(string)); err != nil {
		t.Error(err)
	}
	media := marshalled(t, figures.ev)
	if media["jitter_ms"] != 1.5 || media["rtt_ms"] != 20.0 {
		t.Errorf("figures: %v", media)
	}
	promises := marshalled(t, isPrivate.ev)["promises"].([]any)
	if first := promises[0].(map[string]any); len(promises) != 12 || first["id"] != "default" || first["verdict"] != "held" || first["why"] == "" {
		t.Errorf("promises: %v", promises)
	}
}

// TestEveryEventIsRendered reads the phone's source: an event that is added
// there needs a line and an object here.
func TestEveryEventIsRendered(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rendered := map[string]bool{}
	for _, ev := range everyEvent() {
		rendered[strings.TrimPrefix(fmt.Sprintf("%T", ev), "softphone.")] = true
		_, isMedia := ev.(softphone.Media)
		if n := len(Lines(ev)); (n == 0) != isMedia {
			t.Errorf("%T has %d lines", ev, n)
		}
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "event" {
			continue
		}
		if name := f.Recv.List[0].Type.(*ast.Ident).Name; !rendered[name] {
			t.Errorf("nobody sees %s", name)
		}
	}
}
