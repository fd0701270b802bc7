package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"karat/softphone"
	"karat/softphone/assay"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds int) softphone.Head {
	return softphone.Head{Time: noon.Add(time.Duration(seconds) * time.Second), Call: "c1"}
}

// facts are those of a call with everything in order.
func facts(change func(*assay.Facts)) assay.Report {
	f := assay.Facts{
		Offer: assay.OfferRTP, HashSignalled: true, HashMatched: true, Secure: true,
		KeyAgreement: "X255", Hash: "S384", Cipher: "AES3", AuthTag: "HS80", SASType: "B256",
		Outgoing: true, SignallingTLS: true,
	}
	if change != nil {
		change(&f)
	}
	return assay.Assess(f)
}

var (
	unconfirmed = facts(nil)
	confirmed   = facts(func(f *assay.Facts) { f.Verified = true })
	pending     = facts(func(f *assay.Facts) { f.Secure = false })
	mismatched  = facts(func(f *assay.Facts) { f.Known, f.Mismatch = true, true })
	resolved    = facts(func(f *assay.Facts) { f.Known, f.Mismatch, f.MismatchResolved, f.Verified = true, true, true, true })
	leaked      = facts(func(f *assay.Facts) { f.VoiceBeforeSecure = 1 })
)

// step is an event that the tables name.
type step struct {
	name string
	ev   softphone.Event
}

var (
	incoming   = step{"incoming", softphone.Incoming{Head: at(0), From: "sip:alice@example.org", Known: []string{"it offers ZRTP"}}}
	turnedAway = step{"turned away", softphone.Incoming{Head: at(0), From: "sip:alice@example.org", Refused: true, Why: "no ZRTP"}}
	dialing    = step{"dialing", softphone.Dialing{Head: at(0), To: "sip:bob@example.org"}}
	ringing    = step{"ringing", softphone.Ringing{Head: at(1)}}
	answered   = step{"answered", softphone.Answered{Head: at(5)}}
	secured    = step{"secure", softphone.Secure{
		Head: at(6), SAS: "ribcage holiness", KeyAgreement: "X255", Hash: "S384", Cipher: "AES3", AuthTag: "HS80", SASType: "B256",
		Elapsed: 93 * time.Millisecond,
	}}
	mismatch  = step{"mismatch", softphone.Mismatch{Head: at(6), Name: "bob"}}
	talking   = step{"talking", softphone.Talking{Head: at(6)}}
	refused   = step{"refused", softphone.Refused{Head: at(7), Why: "The other phone offers no keys."}}
	over      = step{"over", softphone.Ended{Head: at(17), Why: "they hung up", Talked: 12 * time.Second}}
	failed    = step{"failed", softphone.Ended{Head: at(17), Why: "the sound card is gone", Outcome: softphone.Failed}}
	notTaken  = step{"not taken", softphone.Ended{Head: at(45), Why: "486 Busy Here", Outcome: softphone.NotAnswered}}
	figures   = step{"media", softphone.Media{Head: at(8), Sent: 50, Received: 48, Lost: 2, Concealed: 2, RTT: 20 * time.Millisecond, Jitter: 1500 * time.Microsecond, Delay: 60 * time.Millisecond}}
	isPending = assayed("assay: pending", pending)
	isPrivate = assayed("assay: private", unconfirmed)
	isProved  = assayed("assay: confirmed", confirmed)
	isWrong   = assayed("assay: mismatch", mismatched)
	isCleared = assayed("assay: resolved", resolved)
	isLeak    = assayed("assay: leak", leaked)
)

func assayed(name string, r assay.Report) step {
	return step{name, softphone.Assayed{Head: at(6), Report: r}}
}

func play(steps ...step) *Model {
	m := &Model{}
	for _, s := range steps {
		m.Apply(s.ev)
	}
	return m
}

func TestStates(t *testing.T) {
	tests := []struct {
		name    string
		steps   []step
		stage   Stage
		level   Level
		sas     bool
		actions []Action
		says    string
	}{
		{"rings here", []step{incoming}, Incoming, Neutral, false, []Action{Answer, Decline}, "claims"},
		{"rings here, assayed", []step{incoming, isPending}, Incoming, Neutral, false, []Action{Answer, Decline}, "claims"},
		{"turned away", []step{turnedAway}, Refused, Red, false, nil, "no ZRTP"},
		{"dialing", []step{dialing}, Dialing, Neutral, false, []Action{HangUp}, "Calling"},
		{"rings there", []step{dialing, ringing}, Ringing, Neutral, false, []Action{HangUp}, "rings"},
		{"answered there", []step{dialing, ringing, answered}, Agreeing, Amber, false, []Action{HangUp}, "nothing is heard"},
		{"answered here", []step{incoming, answered}, Agreeing, Amber, false, []Action{HangUp}, "nothing is heard"},
		{"keys", []step{dialing, answered, secured}, Secured, Amber, true, []Action{Match, Differ, HangUp}, "closed"},
		{"keys, assayed", []step{dialing, answered, secured, isPrivate}, Secured, Green, true, []Action{Match, Differ, HangUp}, "closed"},
		{"talking", []step{dialing, answered, secured, isPrivate, talking}, Talking, Green, true, []Action{Match, Differ, Mute, Hold, HangUp}, "as far as the code"},
		{"talking, compared", []step{dialing, answered, secured, isProved, talking}, Talking, Green, true, []Action{Mute, Hold, HangUp}, "Private."},
		{"talking, not assayed", []step{dialing, answered, secured, talking}, Talking, Amber, true, []Action{Match, Differ, Mute, Hold, HangUp}, "open"},
		{"talking without keys", []step{dialing, answered, talking}, Agreeing, Amber, false, []Action{HangUp}, "nothing is heard"},
		{"private without keys", []step{dialing, answered, isProved}, Agreeing, Amber, false, []Action{HangUp}, "nothing is heard"},
		{"mismatch", []step{dialing, answered, mismatch}, Alarm, Red, false, []Action{HangUp}, "phone of bob"},
		{"mismatch, keys", []step{dialing, answered, mismatch, secured, isWrong}, Alarm, Red, true, []Action{Match, Differ, HangUp}, "has none of the secrets"},
		{"mismatch, talking", []step{dialing, answered, mismatch, secured, talking}, Alarm, Red, true, []Action{Match, Differ, HangUp}, "bob"},
		{"mismatch cleared", []step{dialing, answered, mismatch, secured, isWrong, isCleared, talking}, Talking, Green, true, []Action{Mute, Hold, HangUp}, "Private."},
		{"mismatch cleared without keys", []step{dialing, answered, mismatch, isCleared}, Alarm, Red, false, []Action{HangUp}, "bob"},
		{"mismatch while talking", []step{dialing, answered, secured, isProved, talking, mismatch}, Alarm, Red, true, nil, "bob"},
		{"leak", []step{dialing, answered, secured, isLeak}, Secured, Red, true, []Action{Match, Differ, HangUp}, "left before"},
		{"refused", []step{dialing, answered, refused}, Refused, Red, false, nil, "no keys"},
		{"refused while talking", []step{dialing, answered, secured, isProved, talking, refused}, Refused, Red, false, nil, "no keys"},
		{"keys after refusal", []step{dialing, refused, secured, isProved, talking}, Refused, Red, false, nil, "no keys"},
		{"over", []step{dialing, answered, secured, isProved, talking, over}, Ended, Neutral, false, nil, "12 s (they hung up). It was private."},
		{"keys after the end", []step{dialing, over, secured, isProved, talking}, Ended, Neutral, false, nil, "over"},
		{"failed", []step{dialing, answered, secured, isProved, talking, failed}, Ended, Neutral, false, nil, "sound card"},
		{"no answer", []step{dialing, ringing, notTaken}, Ended, Neutral, false, nil, "No answer."},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			card, found := play(c.steps...).Call("c1")
			if !found {
				t.Fatal("there is no such call")
			}
			if card.Stage != c.stage || card.Level != c.level || (card.SAS != "") != c.sas {
				t.Errorf("%v, %v, SAS %q; want %v, %v, %v", card.Stage, card.Level, card.SAS, c.stage, c.level, c.sas)
			}
			if c.actions != nil && !slices.Equal(card.Actions, c.actions) {
				t.Errorf("actions %q, want %q", card.Actions, c.actions)
			}
			if (c.stage == Ended || c.stage == Refused) && len(card.Actions) != 0 {
				t.Errorf("something can be done with a call that is over: %q", card.Actions)
			}
			if !strings.Contains(card.Status, c.says) {
				t.Errorf("says %q, want %q", card.Status, c.says)
			}
		})
	}
}

// TestNothingLooksSecure plays every sequence of events, in any order, up to
// five after the beginning: whatever arrives, nothing looks secure before the
// keys, nor after the call went wrong or ended.
func TestNothingLooksSecure(t *testing.T) {
	alphabet := []step{ringing, answered, secured, mismatch, talking, isPending, isPrivate, isProved, isWrong, isCleared, isLeak, refused, over, failed, figures}
	const longest = 5
	for _, first := range []step{incoming, dialing, turnedAway} {
		var walk func(m Model, played []step)
		walk = func(m Model, played []step) {
			checkLooks(t, &m, played)
			if len(played) > longest || t.Failed() {
				return
			}
			for _, s := range alphabet {
				next := copyModel(m)
				next.Apply(s.ev)
				walk(next, append(slices.Clip(played), s))
			}
		}
		if testing.Short() {
			continue
		}
		walk(*play(first), []step{first})
	}
}

func copyModel(m Model) Model {
	next := m
	next.calls = nil
	for _, c := range m.calls {
		copied := *c
		next.calls = append(next.calls, &copied)
	}
	return next
}

func checkLooks(t *testing.T, m *Model, played []step) {
	c := m.calls[0]
	stage, level := c.stage(), c.level()
	keys, wrong, alarm := false, false, false
	for _, s := range played {
		if wrong {
			break // what comes after the end counts for nothing
		}
		switch s.name {
		case "secure":
			keys = true
		case "mismatch":
			alarm = true
		case "assay: private", "assay: confirmed", "assay: resolved":
			alarm = alarm && !keys
		case "turned away", "refused", "over", "failed":
			wrong = true
		}
	}
	looksSecure := c.live() || level == Green || stage == Talking && level != Red || stage == Secured
	switch {
	case looksSecure && (!keys || wrong):
		t.Errorf("%v: %v and %v, keys %v, wrong %v", names(played), stage, level, keys, wrong)
	case alarm && !wrong && (stage != Alarm || level != Red):
		t.Errorf("%v: an alarm shows as %v and %v", names(played), stage, level)
	case slices.Contains(c.actions(), Mute) && stage != Talking:
		t.Errorf("%v: a closed microphone can be muted", names(played))
	case slices.Contains(c.actions(), Match) && !c.live():
		t.Errorf("%v: a code can be compared that is not shown", names(played))
	}
}

func names(steps []step) (out []string) {
	for _, s := range steps {
		out = append(out, s.name)
	}
	return out
}

func TestStalePromisesAreNotShown(t *testing.T) {
	for _, last := range []step{refused, failed, mismatch} {
		card, _ := play(dialing, answered, secured, isProved, last).Call("c1")
		if card.Promises != nil || card.Private {
			t.Errorf("after %q the call shows as private", last.name)
		}
	}
	card, _ := play(dialing, answered, secured, isProved, over).Call("c1")
	if len(card.Promises) != len(assay.Promises()) {
		t.Error("the assay of a call that went well is gone with it")
	}
}

// TestNoAnswerSaysNoMore: whatever the network said, the caller's screen, lines
// and JSON are the same.
func TestNoAnswerSaysNoMore(t *testing.T) {
	shown := map[string]bool{}
	for _, why := range []string{"486 Busy Here", "603 Decline", "timeout", "", "blocked"} {
		ev := softphone.Ended{Head: at(45), Why: why, Outcome: softphone.NotAnswered}
		card, _ := play(dialing, ringing, step{"", ev}).Call("c1")
		object, _ := JSON(ev)
		shown[fmt.Sprintf("%+v\n%q\n%+v", card, Lines(ev), object)] = true
	}
	if len(shown) != 1 {
		t.Errorf("the caller can tell: %v", shown)
	}
}

func TestPhone(t *testing.T) {
	m := &Model{}
	if p := m.Phone(); p.Status != "Not registered." || len(p.Calls) != 0 {
		t.Errorf("an idle phone shows %+v", p)
	}
	m.Apply(softphone.Registered{Account: "sip:alice@example.org"})
	if p := m.Phone(); !slices.Equal(p.Accounts, []string{"sip:alice@example.org"}) || p.Level != Neutral {
		t.Errorf("registered: %+v", p)
	}
	m.Apply(softphone.RegistrationLost{Account: "sip:alice@example.org", Why: "the server is silent.", Retry: 30 * time.Second})
	want := "sip:alice@example.org is not registered (the server is silent); trying again in 30 s."
	if p := m.Phone(); p.Status != want || p.Level != Amber || len(p.Accounts) != 0 {
		t.Errorf("lost: %+v", p)
	}
	m.Apply(softphone.Registered{Account: "sip:alice@work.example"})
	m.Apply(softphone.Registered{Account: "sip:al@example.net"})
	want = "Registered as sip:alice@work.example and sip:al@example.net. " + want
	if p := m.Phone(); p.Status != want || p.Level != Amber || len(p.Accounts) != 2 {
		t.Errorf("one of three lost: %+v", p)
	}
	m.Apply(softphone.RegistrationLost{Account: "sip:alice@example.org", Why: "wrong password"})
	if p := m.Phone(); !strings.Contains(p.Status, "by itself") {
		t.Errorf("lost for good: %+v", p)
	}
	m.Apply(softphone.Notice{Text: "the store was rolled back"})
	if d := cmp.Diff([]string{"the store was rolled back"}, m.Phone().Notices); d != "" {
		t.Error(d)
	}
}

func TestBounded(t *testing.T) {
	m := play(dialing, answered)
	for i := range 3 * maxCalls {
		h := softphone.Head{Call: fmt.Sprint("flood ", i)}
		m.Apply(softphone.Incoming{Head: h})
		m.Apply(softphone.Ended{Head: h})
		m.Apply(softphone.Notice{})
	}
	if p := m.Phone(); len(p.Calls) != maxCalls || len(p.Notices) != maxNotices {
		t.Errorf("%d calls and %d notices are kept", len(p.Calls), len(p.Notices))
	}
	if _, found := m.Call("c1"); !found {
		t.Error("calls that are over pushed out one that lasts")
	}
}

func TestDismiss(t *testing.T) {
	m := play(dialing)
	m.Dismiss("c1")
	if _, found := m.Call("c1"); !found {
		t.Fatal("a call that lasts was dismissed")
	}
	m.Apply(over.ev)
	m.Dismiss("c1")
	if _, found := m.Call("c1"); found {
		t.Error("still there")
	}
}

func TestMuted(t *testing.T) {
	m := play(dialing, answered, secured, isProved, talking)
	m.SetMuted("c1", true)
	card, _ := m.Call("c1")
	if !card.Muted || !slices.Equal(card.Actions, []Action{Unmute, Hold, HangUp}) {
		t.Errorf("muted: %+v", card)
	}
}

func TestProgress(t *testing.T) {
	tests := []struct {
		steps []step
		after time.Duration
		want  string
	}{
		{[]step{dialing}, 900 * time.Millisecond, ""},
		{[]step{dialing}, time.Second, "looking for the other phone … 1 s"},
		{[]step{dialing, ringing}, 75900 * time.Millisecond, "ringing … 1 min 15 s"},
		{[]step{dialing, answered}, 2 * time.Second, "agreeing on keys … 2 s"},
		{[]step{dialing, answered, secured}, 3 * time.Second, "the microphone is closed … 3 s"},
		{[]step{dialing, answered, secured, talking}, time.Minute, ""},
		{[]step{incoming}, time.Minute, ""},
		{[]step{dialing, notTaken}, time.Minute, ""},
	}
	for _, c := range tests {
		card, _ := play(c.steps...).Call("c1")
		if got := card.Progress(card.Since.Add(c.after)); got != c.want {
			t.Errorf("%v after %v: %q, want %q", names(c.steps), c.after, got, c.want)
		}
	}
}

func TestUnknownCallsChangeNothing(t *testing.T) {
	m := play(secured, talking, isProved, mismatch, refused, over)
	if p := m.Phone(); len(p.Calls) != 0 {
		t.Errorf("a call that never began shows: %+v", p.Calls)
	}
}

func TestBeginsOnce(t *testing.T) {
	m := play(dialing, answered, secured, isProved, talking, incoming)
	if card, _ := m.Call("c1"); card.Stage != Talking || card.Incoming {
		t.Errorf("a call began twice: %+v", card)
	}
}
