package pathtest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"karat/media/path"
)

// Host is a machine of an in-memory network.
type Host interface {
	path.Network
	Listen(ctx context.Context, network, address string) (net.Listener, error)
}

// The one user of a Relay.
const (
	RelayUser     = "someone"
	RelayPassword = "long enough"
	relayRealm    = "relay.example"
)

// Relay is a TURN server, another's work (pion/turn), which also answers STUN.
// It listens on UDP and TCP at an address of host until the test ends; wrap, if
// not nil, puts TLS around the TCP listener.
func Relay(t testing.TB, host Host, at netip.AddrPort, wrap func(net.Listener) net.Listener) {
	t.Helper()
	pc, err := host.ListenPacket(t.Context(), "udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	l, err := host.Listen(t.Context(), "tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		l = wrap(l)
	}
	addresses := relayAddresses{host, at.Addr()}
	s, err := turn.NewServer(turn.ServerConfig{
		Realm:             relayRealm,
		LoggerFactory:     quietLogs(),
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: pc, RelayAddressGenerator: addresses}},
		ListenerConfigs:   []turn.ListenerConfig{{Listener: l, RelayAddressGenerator: addresses}},
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(RelayUser, relayRealm, RelayPassword), a.Username == RelayUser
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the relay: %v", err)
		}
	})
}

func quietLogs() *logging.DefaultLoggerFactory {
	f := logging.NewDefaultLoggerFactory()
	f.DefaultLogLevel = logging.LogLevelDisabled
	return f
}

// relayAddresses opens the relayed addresses on the relay's host.
type relayAddresses struct {
	host Host
	addr netip.Addr
}

// Validate has nothing to check.
func (relayAddresses) Validate() error { return nil }

// AllocatePacketConn opens one.
func (r relayAddresses) AllocatePacketConn(turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	pc, err := r.host.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(r.addr, 0).String())
	if err != nil {
		return nil, nil, err
	}
	return pc, pc.LocalAddr(), nil
}

var errOnlyUDP = errors.New("this relay relays UDP only")

// AllocateListener and AllocateConn are for RFC 6062, which Karat does not use.
func (relayAddresses) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

// AllocateConn is refused, too.
func (relayAddresses) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errOnlyUDP
}
