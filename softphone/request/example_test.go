package request_test

import (
	"crypto/sha256"
	"fmt"
	"time"

	"karat/internal/secret"
	"karat/softphone/request"
)

// A caller and a callee who share a key.
func Example() {
	shared := func() secret.Bytes { return secret.Own(make([]byte, request.KeyLen)) }
	hash := func(h0 [32]byte, zid [request.ZIDLen]byte) [32]byte { // of the whole Hello, in truth
		return sha256.Sum256(append(h0[:], zid[:]...))
	}
	now := request.Epoch.Add(time.Hour)

	// The caller, who was initiator of their last call.
	stamp, _ := request.Next(now, 0)
	key, _ := request.NewKey(shared()).Advance(stamp.Hour())
	caller := key.Identity(stamp, true, 1)
	hello := hash(caller.H0, caller.ZID)

	// The callee, who finds that hash in an INVITE.
	table := request.NewTable(
		[]request.Peer{{Keys: []request.PeerKey{{Key: request.NewKey(shared()), Initiator: true}}}},
		[]request.Template{{Name: 1, Hash: hash}},
	)
	match, found := table.Lookup(now.Add(time.Second), hello)
	fmt.Println(found, match.Peer)
	fmt.Println(match.Identity.AnswerZID(hello) == caller.AnswerZID(hello))
	_, again := table.Lookup(now.Add(2*time.Second), hello)
	fmt.Println(again)
	// Output:
	// true 0
	// true
	// false
}
