package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"karat/contrib/interop/lab"
)

// accountsCell is about one Karat with two accounts.
func accountsCell() cell {
	return cell{
		name:   "linphone-karat/tls/two-accounts",
		proves: "Linphone calls one Karat at two accounts, which answers at both, says which it is, and is a phone not met before at the second",
		limit:  callLimit, karat: true, run: twoAccounts,
	}
}

func twoAccounts(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, "alice", proxy, "tls", b.bob)
	if err != nil {
		return err
	}
	if err := karat.AlsoAs(ctx, "carol"); err != nil {
		return err
	}
	linphone, err := b.newLinphone(ctx, lab.LinphoneConfig{
		User: "bob", Encryption: "zrtp", KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}, SASTypes: []string{"B256"}, Proxy: proxy, Transport: "tls",
	})
	if err != nil {
		return err
	}
	for i, called := range []struct {
		user string
		met  bool
	}{{"alice", false}, {"carol", false}, {"alice", true}, {"carol", true}} {
		if err := b.calledAs(ctx, karat, linphone, called.user, called.met); err != nil {
			return fmt.Errorf("call %d, to %s: %w", i+1, called.user, err)
		}
	}
	return b.judgeSecure([]*lab.Linphone{linphone})
}

// calledAs lets Linphone call Karat at one of its accounts; met: they talked there
// before.
func (b *bench) calledAs(ctx context.Context, karat *lab.Karat, linphone *lab.Linphone, user string, met bool) error {
	call, err := karat.Answer(ctx)
	if err != nil {
		return err
	}
	registered := regexp.MustCompile(`"event":"registered".*` + regexp.QuoteMeta(karat.Proxy.AOR(user)))
	if _, err := call.Output.Wait(ctx, 0, registered); err != nil {
		return err
	}
	mark := linphone.Mark()
	if err := linphone.Call(karat.Proxy.AOR(user)); err != nil {
		return err
	}
	incoming, err := call.WaitEvent(ctx, "incoming")
	if err != nil {
		return err
	}
	if incoming.Account != karat.Proxy.AOR(user) {
		return fmt.Errorf("karat says that %q is called", incoming.Account)
	}
	said, err := bothSecure(ctx, call, linphone, mark)
	if err != nil {
		return err
	}
	if said.continuity == nil || *said.continuity != met {
		return fmt.Errorf("the phones talked there before: %v; karat says otherwise", met)
	}
	if err := errors.Join(linphone.Speak(b.alice), linphone.Record(), pause(ctx, talkTime), linphone.Hangup()); err != nil {
		return err
	}
	if err := exits(ctx, call, 0); err != nil {
		return err
	}
	atKarat, err := call.Heard()
	if err != nil {
		return err
	}
	atLinphone, err := linphone.Heard()
	if err != nil {
		return err
	}
	return errors.Join(b.hears("karat", atKarat, b.alice), b.hears("linphone", atLinphone, b.bob))
}
