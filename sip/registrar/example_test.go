package registrar_test

import (
	"crypto/tls"
	"fmt"
	"net"

	"karat/internal/secret"
	"karat/sip/registrar"
)

// A provider on loopback for two users, over UDP and TLS.
func Example() {
	ca, err := registrar.NewAuthority() // phones trust ca.Pool(), or the file ca.PEM()
	if err != nil {
		panic(err)
	}
	certificate, err := ca.Server("127.0.0.1")
	if err != nil {
		panic(err)
	}
	server := registrar.New(registrar.Config{
		Domain: "127.0.0.1",
		Users: map[string]secret.Bytes{
			"alice": secret.Copy([]byte("alice's password")),
			"bob":   secret.Copy([]byte("bob's password")),
		},
		TLS:     &tls.Config{Certificates: []tls.Certificate{certificate}},
		Observe: func(e registrar.Event) { fmt.Println(e) }, // "alice registered over TLS for 1h0m0s"
	})
	defer server.Close()

	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go server.ServeUDP(udp)
	go server.ServeTLS(tcp)
	// … phones register at sip:127.0.0.1:port;transport=tls

	// Output:
}
