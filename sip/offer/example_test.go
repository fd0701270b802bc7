package offer_test

import (
	"errors"
	"fmt"
	"net/netip"

	"karat/sip/offer"
)

// Alice offers, Bob answers, and each knows where to send what.
func Example() {
	alice := offer.Local{Address: netip.MustParseAddrPort("192.0.2.1:40000")}
	bob := offer.Local{Address: netip.MustParseAddrPort("198.51.100.2:50000"), Direction: offer.RecvOnly}

	offered, err := offer.Parse(offer.Offer(alice))
	if err != nil {
		panic(err)
	}
	text, atBob, err := offer.Answer(offered, bob)
	if err != nil {
		panic(err)
	}
	answered, err := offer.Parse(text)
	if err != nil {
		panic(err)
	}
	atAlice, err := offer.Accept(alice, answered)
	if err != nil {
		panic(err)
	}
	fmt.Println("bob listens to", atBob.Remote, "and sends:", atBob.Send)
	fmt.Println("alice talks to", atAlice.Remote, "and receives:", atAlice.Receive)
	// Output:
	// bob listens to 192.0.2.1:40000 and sends: false
	// alice talks to 198.51.100.2:50000 and receives: false
}

// A phone that insists on SDES is refused with a sentence for the person.
func ExampleAnswer_refused() {
	offered, _ := offer.Parse([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" +
		"m=audio 4000 RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…\r\n"))
	_, _, err := offer.Answer(offered, offer.Local{Address: netip.MustParseAddrPort("192.0.2.1:40000")})
	fmt.Println(errors.Is(err, offer.ErrNotPrivate), "-", err)
	// Output: true - the other phone insists on encryption whose keys every provider on the way can read (SDES)
}
