package wiretap

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCaptureSeesEachDatagramOnce(t *testing.T) {
	from, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	ours := func(p Packet) bool { return p.From.Port() == from.LocalAddr().(*net.UDPAddr).AddrPort().Port() }
	file := filepath.Join(t.TempDir(), "wire.pcap")
	c, err := Start(file, ours)
	if errors.Is(err, unix.EPERM) {
		t.Skip("recording needs root or CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	const sent = 20
	for range sent {
		if _, err := from.WriteTo(zrtpMessage("Hello"), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Wait(ctx, func(p []Packet) bool { return len(p) >= sent }); err != nil {
		t.Error(err)
	}
	packets, err := c.Stop()
	if err != nil || len(packets) != sent {
		t.Fatalf("recorded %d of %d packets, %v", len(packets), sent, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	// The file's header, and for each packet a header, IP, UDP and payload.
	if want := int64(24 + sent*(16+28+len(zrtpMessage("Hello")))); info.Size() != want {
		t.Errorf("the file has %d octets, not %d", info.Size(), want)
	}
}
