package main

import (
	"context"

	"karat/contrib/interop/lab"
)

// wayCells are about accounts whose signalling takes another way than a plain
// connection to the provider.
func wayCells() []cell {
	return []cell{
		{
			name:   "karat-karat/wss",
			proves: "two Karats talk through a Kamailio that they reach over WebSocket and TLS (RFC 7118)",
			limit:  callLimit, karat: true, items: []int{12}, run: webCall,
		},
	}
}

func webCall(ctx context.Context, b *bench) error {
	proxy, err := b.provider(ctx, lab.KamailioConfig{Algorithm: "SHA-256", Users: []string{"alice", "bob"}, WebSocket: true})
	if err != nil {
		return err
	}
	alice, err := b.newKarat(ctx, "alice", proxy, "wss", b.alice)
	if err != nil {
		return err
	}
	bob, err := b.newKarat(ctx, "bob", proxy, "wss", b.bob)
	if err != nil {
		return err
	}
	if err := b.talk(ctx, alice, bob, talkTime); err != nil {
		return err
	}
	return b.judgeSecure(nil)
}
