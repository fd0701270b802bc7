package sip_test

import (
	"context"
	"fmt"

	"karat/internal/simnet"
	"karat/sip"
)

// A direct call, without account, between two agents on a network in memory.
func Example() {
	network := simnet.New(simnet.Config{})
	defer network.Close()
	ctx := context.Background()

	bob, err := sip.NewAgent(sip.Config{Listen: []string{"udp:10.0.0.2:5060"}, Network: network.Host("10.0.0.2")})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := bob.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close(ctx)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for e := range bob.Events() {
			if in, ok := e.(sip.Incoming); ok {
				fmt.Printf("bob is offered %s\n", in.Call.Offer())
				_ = in.Call.Answer([]byte("an answer"))
				return
			}
		}
	}()

	alice, err := sip.NewAgent(sip.Config{Listen: []string{"udp:10.0.0.1:5060"}, Network: network.Host("10.0.0.1")})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := alice.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close(ctx)
	call, err := alice.Invite(ctx, "sip:bob@10.0.0.2", []byte("an offer"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range call.Events() {
		switch e := e.(type) {
		case sip.Answered:
			<-answered
			fmt.Printf("alice has %s\n", e.SDP)
			call.Hangup()
		case sip.Failed:
			fmt.Println("not answered:", e.Why)
		case sip.Ended:
			fmt.Println("over")
		}
	}
	// Output:
	// bob is offered an offer
	// alice has an answer
	// over
}
