package zrtp_test

import (
	"fmt"
	"time"

	"karat/zrtp"
)

// alice and bob exchange packets until both are secure. A phone does the same
// with a socket and a clock: what NextPacket returns is sent, what arrives goes
// to Receive.
func Example() {
	alice, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{1}, SSRC: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	bob, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{2}, SSRC: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close()

	// Signalling carries the hashes: a=zrtp-hash.
	alice.ExpectHello([]string{bob.HelloHash()})
	bob.ExpectHello([]string{alice.HelloHash()})

	now := time.Now()
	alice.Start(now)
	bob.Start(now)
	for pass(now, alice, bob) || pass(now, bob, alice) {
	}

	one, two := outcome(alice), outcome(bob)
	fmt.Println(one.KeyAgreement, one.Hash, one.Cipher, one.AuthTag, one.SASType)
	fmt.Println("the same SAS at both ends:", one.SAS == two.SAS)
	fmt.Println("met before:", one.Known)
	// Output:
	// X2M2 S384 AES3 HS80 B256
	// the same SAS at both ends: true
	// met before: false
}

// pass carries what one end has to send to the other.
func pass(now time.Time, from, to *zrtp.Session) (any bool) {
	for pkt, ok := from.NextPacket(); ok; pkt, ok = from.NextPacket() {
		to.Receive(now, pkt)
		any = true
	}
	return any
}

// outcome reads the events of a session.
func outcome(s *zrtp.Session) (secure zrtp.Secure) {
	for event, ok := s.NextEvent(); ok; event, ok = s.NextEvent() {
		switch e := event.(type) {
		case zrtp.PeerHello:
			// e.Bound: the Hello is the one that signalling announced.
		case zrtp.Mismatch:
			fmt.Println("someone may be listening: compare the SAS")
		case zrtp.KeysAgreed:
			e.Keys.Wipe() // a phone gives them to SRTP, and wipes them at the end
		case zrtp.Secure:
			secure = e
		case zrtp.Failed:
			fmt.Println("not private:", e.Err)
		}
	}
	return secure
}
