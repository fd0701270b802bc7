package spec

import (
	"bytes"
	"slices"
	"time"

	"karat/zrtp/wire"
)

// timing is Section 6.
func timing() []Case {
	return []Case{
		{
			ID: "6/1", Rows: "129", Level: Must,
			Rule: "a retransmitted message MUST be identical to the first",
			Sent: "no answer to Hello, Commit, DHPart2 and Confirm2 for a while", Expected: "the same octets again",
			Run: identicalRepeats,
		},
		{
			ID: "6/2", Rows: "130 A36", Level: Must,
			Rule: "retransmission MUST NOT exceed the bandwidth of media; what T sends is not amplified",
			Sent: "the same Hello 50 times", Expected: "no more packets than T sent, beside the retransmissions",
			Run: amplification,
		},
		{
			ID: "6/3", Rows: "131", Level: Text,
			Rule: "T1: 50 ms, doubling, capped at 200 ms, 20 times",
			Sent: "nothing", Expected: "these gaps between Hellos, give or take 40 ms",
			Run: func(t *T) {
				t.unannounced = true
				t.dial()
				t.deaf = true
				t.Idle(4500 * time.Millisecond)
				t.wantGaps(wire.TypeHello, []time.Duration{50, 100, 200, 200, 200, 200})
			},
		},
		{
			ID: "6/4", Rows: "131", Level: Text,
			Rule: "T2: 150 ms, doubling, capped at 1200 ms, 10 times",
			Sent: "no DHPart1", Expected: "these gaps between Commits, give or take 40 ms",
			Run: func(t *T) {
				t.AwaitCommit()
				t.Idle(11 * time.Second)
				t.wantGaps(wire.TypeCommit, []time.Duration{150, 300, 600, 1200, 1200, 1200, 1200, 1200, 1200, 1200})
			},
		},
		{
			ID: "6/5", Rows: "132", Level: Should,
			Rule: "a slow endpoint SHOULD send HelloACK and not wait with it for its Commit",
			Sent: "a Hello", Expected: "HelloACK or Commit within 200 ms",
			Run: func(t *T) {
				t.await(patience, wire.TypeHello)
				t.send(t.helloRaw)
				t.await(200*time.Millisecond, wire.TypeHelloACK, wire.TypeCommit)
			},
		},
		{
			ID: "6/6", Rows: "133", Level: Should, Needs: Signalling,
			Rule: "with evidence that the other party speaks ZRTP the Hello retries SHOULD span at least 12 s",
			Sent: "a=zrtp-hash, and no Hello", Expected: "a last Hello after 11.9 s or more",
			Run: func(t *T) {
				t.deaf = true
				t.dial()
				t.Idle(14 * time.Second)
				hellos := t.sent(wire.TypeHello)
				t.Want(len(hellos) > 0, "no Hello")
				last := hellos[len(hellos)-1].at.Sub(hellos[0].at)
				t.Want(last >= 11900*time.Millisecond, "the last came after %v", last)
			},
		},
		{
			ID: "6/7", Rows: "134", Level: Should, Needs: Signalling,
			Rule: "a Commit that comes after the Hello retries are over SHOULD be accepted",
			Sent: "a Hello and a Commit after 30 s", Expected: "DHPart1",
			Run: func(t *T) {
				t.deaf = true
				t.dial()
				t.Idle(30 * time.Second)
				t.deaf = false
				t.SecureAsInitiator()
			},
		},
		{
			ID: "6/8", Rows: "135", Level: Text,
			Rule: "Only the initiator performs retransmissions, after the Hellos",
			Sent: "one Commit, then silence; then the Commit again", Expected: "DHPart1 once each time",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.WantNever(3*time.Second, wire.TypeDHPart1)
				t.send(t.commit)
				t.await(time.Second, wire.TypeDHPart1)
				t.WantNever(time.Second, wire.TypeDHPart1)
			},
		},
		{
			ID: "6/9", Rows: "129 A27", Level: Text,
			Rule: "a Confirm2 that is repeated is answered again",
			Sent: "Confirm2 twice", Expected: "Conf2ACK twice",
			Run: func(t *T) {
				t.BecomeInitiator()
				t.SendDHPart2()
				t.AwaitConfirm1()
				t.SendConfirm2()
				t.await(patience, wire.TypeConf2ACK)
				t.send(t.confirm)
				t.await(patience, wire.TypeConf2ACK)
			},
		},
	}
}

func identicalRepeats(t *T) {
	t.deaf = true
	t.dial()
	t.Idle(400 * time.Millisecond)
	t.deaf = false
	t.AwaitCommit()
	t.Idle(time.Second)
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.Idle(time.Second)
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.Idle(time.Second)
	for _, typ := range []wire.Type{wire.TypeHello, wire.TypeCommit, wire.TypeDHPart2, wire.TypeConfirm2} {
		all := t.sent(typ)
		t.Want(len(all) > 1, "P did not repeat its %s", join([]wire.Type{typ}))
		for _, m := range all {
			t.Want(bytes.Equal(m.raw, all[0].raw), "two of P's %s differ", join([]wire.Type{typ}))
		}
	}
}

func amplification(t *T) {
	const hellos = 50
	t.Meet()
	t.AwaitCommit()
	from := len(t.log)
	for range hellos {
		t.send(t.helloRaw)
	}
	t.Idle(500 * time.Millisecond)
	answers := 0
	for _, m := range t.log[from:] {
		if m.typ != typeRTP {
			answers++
		}
	}
	const retransmissions = 5 // P's Commits within that time
	t.Want(answers <= hellos+retransmissions, "%d packets for %d", answers, hellos)
}

// wantGaps compares the first gaps between messages, in milliseconds, and that no
// more come than there are.
func (t *T) wantGaps(typ wire.Type, want []time.Duration) {
	const slack = 40 * time.Millisecond
	all := t.sent(typ)
	t.Want(len(all) > len(want), "only %d of %s came", len(all), typ)
	for i, gap := range want {
		got := all[i+1].at.Sub(all[i].at)
		t.Want((got-gap*time.Millisecond).Abs() <= slack, "gap %d is %v instead of %v", i+1, got, gap*time.Millisecond)
	}
	limit := map[wire.Type]int{wire.TypeHello: 21, wire.TypeCommit: 11}[typ]
	t.Want(len(all) <= limit, "%d of %s came", len(all), typ)
}

// flood is Section 9's last rule.
func flood() []Case {
	return []Case{
		{
			ID: "9/10", Rows: "160 A20 A36", Level: Should,
			Rule: "the protocol SHOULD run to completion despite bogus packets",
			Sent: "1000 bogus messages of all kinds beside a true exchange", Expected: "an exchange as usual",
			Run: bogusFlood,
		},
		{
			ID: "9/11", Rows: "160 A20", Level: Should,
			Rule: "a forged Error does not end an exchange that goes on",
			Sent: "an Error before each message of a true exchange", Expected: "an exchange as usual",
			Run: func(t *T) {
				forged := wire.Error{Code: wire.CodeSoftware}.Append(nil)
				t.AwaitCommit()
				t.send(forged)
				t.SendDHPart1()
				t.AwaitDHPart2()
				t.send(forged)
				t.SendConfirm1()
				t.AwaitConfirm2()
				t.SendConf2ACK()
				t.Idle(2 * time.Second)
				t.WantNoSight(SawFailed)
			},
		},
	}
}

func bogusFlood(t *T) {
	t.AwaitCommit()
	t.bogus()
	t.SendDHPart1()
	t.AwaitDHPart2()
	t.bogus()
	t.SendConfirm1()
	t.AwaitConfirm2()
	t.bogus()
	t.SendConf2ACK()
	t.bogus()
	t.Idle(2 * time.Second)
	t.WantNoSight(SawFailed)
}

// bogusMessages is how many come before each message of the exchange.
const bogusMessages = 250

// bogus sends messages that only look like the peer's.
func (t *T) bogus() {
	c := stranger()
	hello := t.hello
	hello.H3 = c.H3
	commit := wire.Commit{H2: c.H2, ZID: t.zid, Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.DH3k, SAS: wire.B32}
	d := wire.DHPart{Part: 2, H1: c.H1, PublicValue: make([]byte, len(t.half1()))}
	d1 := d
	d1.Part = 1
	kinds := [][]byte{
		hello.Append(nil), commit.Append(nil), d.Append(nil), d1.Append(nil),
		wire.Confirm{Part: 1, Encrypted: make([]byte, 40)}.Append(nil),
		wire.Confirm{Part: 2, Encrypted: make([]byte, 40)}.Append(nil),
		wire.HelloACK{}.Append(nil), wire.ErrorACK{}.Append(nil), wire.ClearACK{}.Append(nil),
	}
	quiet := slices.Clone(t.trace)
	for i := range bogusMessages {
		t.send(kinds[i%len(kinds)])
		for range 4 { // P's answers are taken, lest they fill a buffer
			if _, ok := t.receive(0); !ok {
				break
			}
		}
	}
	t.trace = quiet
	t.say("T -> P  %d bogus messages", bogusMessages)
}

// half1 is a public value of the right length.
func (t *T) half1() []byte { t.draw(); return t.half.Public() }
