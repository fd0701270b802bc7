package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"karat/contrib/zrtpspec/spec"
	"karat/sip"
	"karat/sip/offer"
	"karat/zrtp/wire"
)

// These make this test's own binary a target, to be started by zrtpspec.
const (
	// engineVariable: a bare engine at the first address, whose peer is at the
	// second.
	engineVariable = "ZRTPSPEC_TEST_ENGINE"
	// phoneVariable: a phone that answers at this address.
	phoneVariable = "ZRTPSPEC_TEST_PHONE"
)

func TestMain(m *testing.M) {
	var err error
	switch addresses, at := os.Getenv(engineVariable), os.Getenv(phoneVariable); {
	case addresses != "":
		err = serveEngine(addresses)
	case at != "":
		err = servePhone(at)
	default:
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// serveEngine is one call of an engine on a real socket. Whoever started it ends
// it.
func serveEngine(addresses string) error {
	own, peer, _ := strings.Cut(addresses, " ")
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(own)))
	if err != nil {
		return err
	}
	p, err := engines{oneStream: true}.Phone()
	if err != nil {
		return err
	}
	call, err := p.Call(nil)
	if err != nil {
		return err
	}
	return carry(conn, netip.MustParseAddrPort(peer), call)
}

// carry joins an engine's call and a socket until that is closed.
func carry(conn *net.UDPConn, peer netip.AddrPort, call spec.Call) error {
	go func() {
		for {
			if b := call.Receive(time.Hour); b != nil {
				_, _ = conn.WriteToUDPAddrPort(b, peer)
			}
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if isUnknownHash(buffer[:n]) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		_ = call.Send(bytes.Clone(buffer[:n]))
	}
}

// isUnknownHash is what this phone crashes of, for a test of crashes.
func isUnknownHash(b []byte) bool {
	p, err := wire.ParsePacket(b)
	if err != nil {
		return false
	}
	c, err := wire.ParseCommit(p.Message)
	return err == nil && c.Hash == "XXXX"
}

// servePhone answers every call with the same phone.
func servePhone(at string) error {
	agent, err := sip.NewAgent(sip.Config{Listen: []string{"udp:" + at}})
	if err != nil {
		return err
	}
	if err := agent.Start(context.Background()); err != nil {
		return err
	}
	p, err := engines{oneStream: true}.Phone()
	if err != nil {
		return err
	}
	for e := range agent.Events() {
		if in, ok := e.(sip.Incoming); ok {
			if err := answer(p, in.Call); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer takes a call, and ends its media with it.
func answer(p spec.Phone, call *sip.Call) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return err
	}
	theirs, err := offer.Parse(call.Offer())
	if err != nil {
		return err
	}
	engine, err := p.Call(theirs.ZRTPHashes)
	if err != nil {
		return err
	}
	own, _, err := offer.Answer(theirs, offer.Local{
		Address: conn.LocalAddr().(*net.UDPAddr).AddrPort(), ZRTPHash: engine.Announced()[0],
	})
	if err != nil {
		return err
	}
	go func() { _ = carry(conn, theirs.Address, engine) }()
	go func() {
		for range call.Events() { // until it is over
		}
		_ = conn.Close()
		engine.Hangup()
	}()
	return call.Answer(own)
}
