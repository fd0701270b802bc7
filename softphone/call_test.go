package softphone_test

import (
	"testing"
	"time"

	"karat/media/path"
	"karat/softphone"
	"karat/softphone/assay"
)

// talk lets alice call bob and returns both ends' Secure events.
func talk(alice, bob *user) (a, b softphone.Secure) {
	alice.dial(bob.name)
	b = expect[softphone.Secure](bob)
	a = expect[softphone.Secure](alice)
	expect[softphone.Talking](bob)
	expect[softphone.Talking](alice)
	return a, b
}

// hangUp ends alice's call and returns both ends' last words.
func hangUp(alice, bob *user) (a, b softphone.Ended) {
	alice.phone.Hangup(alice.call)
	return expect[softphone.Ended](alice), expect[softphone.Ended](bob)
}

func TestPrivateCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob()

		alice.dial("bob")
		in := expect[softphone.Incoming](bob)
		if in.Refused || len(in.Known) == 0 {
			t.Errorf("an incoming call shows nothing of what is known: %+v", in)
		}
		expect[softphone.Ringing](alice)
		if n := len(w.classes("10.0.0.2")); n != 0 {
			t.Errorf("bob sent media before he answered: %v", w.classes("10.0.0.2"))
		}
		bob.phone.Answer(bob.call)
		b := expect[softphone.Secure](bob)
		a := expect[softphone.Secure](alice)
		if a.SAS == "" || a.SAS != b.SAS {
			t.Errorf("the ends see different words: %q and %q", a.SAS, b.SAS)
		}
		if a.KeyAgreement != "X2M2" || a.Hash != "S384" || a.Cipher != "AES3" || a.AuthTag != "HS80" || a.SASType != "B256" {
			t.Errorf("not the strongest common choice: %+v", a)
		}
		if a.Verified || a.Continuity {
			t.Errorf("a first contact claims to be known: %+v", a)
		}
		expect[softphone.Talking](alice)
		expect[softphone.Talking](bob)
		time.Sleep(3 * time.Second)
		for _, u := range []*user{alice, bob} {
			if m := expect[softphone.Media](u); m.Received < 40 || m.Lost != 0 {
				t.Errorf("%s heard %+v", u.name, m)
			}
		}
		ea, eb := hangUp(alice, bob)
		if ea.Outcome != softphone.Private || eb.Outcome != softphone.Private {
			t.Errorf("a private call ended as %v and %v", ea, eb)
		}
		if r := lastAssay(alice); !r.Private || r.Finding(assay.Participants).Verdict != assay.Unconfirmed {
			t.Errorf("assay of a first contact: %+v", r)
		}
		for _, host := range []string{"10.0.0.1", "10.0.0.2"} {
			c := w.classes(host)
			if c[path.RTP] < 140 || c[path.ZRTP] < 3 || len(c) != 2 {
				t.Errorf("%s sent %v", host, c)
			}
		}
	})
}

func TestContinuityAndVerification(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)

		talk(alice, bob)
		alice.phone.SASCompared(alice.call, true)
		bob.phone.SASCompared(bob.call, true)
		hangUp(alice, bob)
		if f := lastAssay(alice).Finding(assay.Participants); f.Verdict != assay.Held {
			t.Errorf("compared words: %+v", f)
		}

		a, b := talk(alice, bob)
		if !a.Continuity || !b.Continuity || !a.Verified || !b.Verified {
			t.Errorf("the second call does not continue the first: %+v %+v", a, b)
		}
		hangUp(alice, bob)
	})
}

func TestWordsDiffer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		alice.phone.SASCompared(alice.call, false)
		expect[softphone.Refused](alice)
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate {
			t.Errorf("words that differ ended as %+v", e)
		}
	})
}

// A known phone without the secrets that it shared: the strongest alarm, and
// the microphone stays closed until the words were compared.
func TestItem58_MismatchKeepsMicrophoneClosed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		time.Sleep(time.Second) // each hears the other, and so knows that it was kept
		hangUp(alice, bob)

		// Bob's memory of alice is spoilt: same ZIDs, other secrets.
		for _, p := range bob.store.Unnamed() {
			clear(p.RS1.Expose())
			clear(p.RS2.Expose())
			p.RS1.Expose()[0], p.Verified = 1, false
			if err := bob.store.SetPeer(p); err != nil {
				t.Fatal(err)
			}
		}
		before := w.classes("10.0.0.1")[path.RTP]
		alice.dial("bob")
		expect[softphone.Mismatch](alice)
		expect[softphone.Secure](alice)
		time.Sleep(2 * time.Second)
		if n := w.classes("10.0.0.1")[path.RTP]; n != before {
			t.Errorf("%d voice packets left during a mismatch", n-before)
		}
		expect[softphone.Mismatch](bob)
		bob.phone.SASCompared(bob.call, true)
		alice.phone.SASCompared(alice.call, true)
		expect[softphone.Talking](alice)
		expect[softphone.Talking](bob)
		if ea, _ := hangUp(alice, bob); ea.Outcome != softphone.Private {
			t.Errorf("a resolved mismatch ended as %+v", ea)
		}
		if a, _ := talk(alice, bob); !a.Continuity {
			t.Error("the resolved mismatch was not remembered")
		}
		hangUp(alice, bob)
	})
}

// A phone that was verified as one contact and calls as another is somebody who
// relays, until the code was compared again.
func TestAnotherNameIsAnAlarm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		alice.phone.SASCompared(alice.call, true)
		hangUp(alice, bob)
		for _, p := range alice.store.Unnamed() {
			if err := alice.store.Verify(p.OwnZID, p.ZID, "Carol"); err != nil {
				t.Fatal(err)
			}
		}
		before := w.classes("10.0.0.1")[path.RTP]
		alice.dial("bob")
		expect[softphone.Secure](alice)
		if f := expect[softphone.Assayed](alice).Report.Finding(assay.Participants); f.Verdict != assay.Broken {
			t.Errorf("another name is %+v", f)
		}
		time.Sleep(time.Second)
		if n := w.classes("10.0.0.1")[path.RTP]; n != before {
			t.Errorf("%d voice packets left", n-before)
		}
		alice.phone.SASCompared(alice.call, true)
		expect[softphone.Talking](alice)
		if a, _ := hangUp(alice, bob); a.Outcome != softphone.Private {
			t.Errorf("ended as %+v", a)
		}
	})
}

func TestRequireVerified(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		alice.start(func(c *softphone.Config) { c.Policy.RequireVerified = true })
		bob.start(auto)
		alice.dial("bob")
		expect[softphone.Refused](alice)
		if e := expect[softphone.Ended](alice); e.Outcome != softphone.NotPrivate {
			t.Errorf("an unverified call ended as %+v", e)
		}
		if n := w.classes("10.0.0.1")[path.RTP]; n != 0 {
			t.Errorf("%d voice packets left", n)
		}
	})
}

// The caller cannot tell a call that was declined from one that nobody heard.
func TestDeclinedLooksUnanswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob()
		took := func(decline bool) time.Duration {
			alice.dial("bob")
			began := time.Now()
			expect[softphone.Incoming](bob)
			if decline {
				bob.phone.Decline(bob.call)
			}
			e := expect[softphone.Ended](alice)
			if e.Outcome != softphone.NotAnswered || e.Why != "no answer" {
				t.Errorf("declined=%v ended as %+v", decline, e)
			}
			expect[softphone.Ended](bob)
			return time.Since(began)
		}
		if a, b := took(true), took(false); a != b {
			t.Errorf("declined after %v, unanswered after %v", a, b)
		}
	})
}

// One call has the microphone at a time; a second one rings until it is free.
func TestSecondCallDoesNotHearTheFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob, mallory := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.user("mallory", "10.0.0.3")
		for _, u := range []*user{alice, bob, mallory} {
			u.start(auto)
		}
		talk(alice, bob)
		mallory.dial("bob")
		expect[softphone.Incoming](bob)
		if n := expect[softphone.Notice](bob); n.Text != softphone.ErrInCall.Error() {
			t.Errorf("bob is told %q", n.Text)
		}
		if e := expect[softphone.Ended](mallory); e.Outcome != softphone.NotAnswered {
			t.Errorf("mallory's call ended as %+v", e)
		}
		if n := w.classes("10.0.0.3")[path.RTP]; n != 0 {
			t.Errorf("mallory sent %d voice packets", n)
		}
		hangUp(alice, bob)
	})
}
