package sip

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/simnet"
)

// What becomes of a message: the first final answer, or one of these.
const (
	rings   = 180 // it is a call that comes in
	dropped = 0   // nothing is sent
)

// The messages of RFC 4475, each with what it is and what becomes of it.
var torture = []struct {
	name, why string
	want      int
}{
	// Section 3.1.1, valid messages.
	{"wsinv", "valid, folded and spaced everywhere, with a branch of RFC 2543; it claims to be within a call", 481},
	{"intmeth", "valid; an unknown method of all the characters that one may have", 501},
	{"esc01", "valid; escapes in a URI are kept as they are", rings},
	{"escnull", "valid REGISTER with escaped nulls; we are no registrar", 405},
	{"esc02", "valid; a method with a percent sign is a method of its own", 501},
	{"lwsdisp", "valid; no space between a display name and <", 200},
	{"longreq", "valid; long values everywhere", rings},
	{"dblreq", "valid REGISTER; what follows its length in the datagram is nobody's", 405},
	{"semiuri", "valid; semicolons in the user part of the URI", 200},
	{"transports", "valid; unknown transports in Via", 200},
	{"mpart01", "valid MESSAGE of several parts; only plain text is taken", 415},
	{"unreason", "valid response to nothing that we asked", dropped},
	{"noreason", "valid response to nothing that we asked", dropped},

	// Section 3.1.2, invalid messages.
	{"badinv01", "empty parameters in Via", 400},
	{"clerr", "shorter than its Content-Length says", 400},
	{"ncl", "a negative Content-Length", 400},
	{"scalar02", "CSeq beyond 2**32", 400},
	{"scalarlg", "a response with CSeq beyond 2**32", dropped},
	{"quotbal", "a quote in To that never ends", 400},
	{"ltgtruri", "a Request-URI in <>", 400},
	{"lwsruri", "a blank in the Request-URI", 400},
	{"lwsstart", "two blanks in the Request-Line", 400},
	{"trws", "blanks at the end of the Request-Line", 400},
	{"escruri", "headers in the Request-URI are not ours to take: they are ignored", rings},
	{"baddate", "a wrong Date, which nobody looks at", rings},
	{"regbadct", "a REGISTER, whatever its Contact", 405},
	{"badaspec", "blanks in the address of To", 400},
	{"baddn", "display names that lack their quotes, which are only repeated", 200},
	{"badvers", "SIP/7.0", 505},
	{"mismatch01", "OPTIONS whose CSeq says INVITE", 400},
	{"mismatch02", "an unknown method whose CSeq says INVITE", 400},
	{"bigcode", "a response of no code that exists", dropped},

	// Section 3.2, transactions.
	{"badbranch", "the branch has nothing after its cookie: taken as one of RFC 2543", 200},

	// Section 3.3, what they ask for.
	{"insuf", "no From, To or Call-ID", 400},
	{"unkscm", "a Request-URI of an unknown scheme", 416},
	{"novelsc", "a Request-URI of a scheme that is none of SIP", 416},
	{"unksm2", "a REGISTER, whatever the schemes in its addresses", 405},
	{"bext01", "it requires extensions that nobody has", 420},
	{"invut", "a body of an unknown type", 415},
	{"regaut01", "a REGISTER, whatever its credentials", 405},
	{"multi01", "several From, To, Call-ID and CSeq", 400},
	{"mcl01", "two lengths that differ", 400},
	{"bcast", "a response to nothing that we asked, with a broadcast address to send it to", dropped},
	{"zeromf", "Max-Forwards is for those that forward", 200},
	{"cparam01", "a REGISTER, whatever its Contact", 405},
	{"cparam02", "a REGISTER, whatever its Contact", 405},
	{"regescrt", "a REGISTER, whatever its Contact", 405},
	{"sdp01", "it takes no answer in SDP", 406},

	// Section 3.4, what was before.
	{"inv2543", "an INVITE of RFC 2543, without Contact: what belongs to the call could be sent nowhere", 400},
	{"test", "only in the archive: a start line that is none of SIP", dropped},
}

// The messages of RFC 5118, on IPv6.
var tortureIPv6 = []struct {
	name, why string
	want      int
}{
	{"ipv6-good", "valid REGISTER", 405},
	{"ipv6-bad", "an IPv6 address without brackets in the Request-URI", 400},
	{"port-ambiguous", "the port within the brackets is part of the address; a REGISTER all the same", 405},
	{"port-unambiguous", "valid REGISTER", 405},
	{"via-received-param-with-delim", "received with brackets", 481},
	{"via-received-param-no-delim", "received without brackets", 200},
	{"ipv6-in-sdp", "IPv6 in the description; but it says to be 17 bytes longer than it is", 400},
	{"mult-ip-in-header", "both kinds of addresses in Via", 481},
	{"mult-ip-in-sdp", "both kinds of addresses in the description", rings},
	{"ipv4-mapped-ipv6", "IPv4 in IPv6 everywhere", rings},
	{"ipv6-bug-abnf-3-colons", "three colons, as the grammar of RFC 3261 has it by mistake: tolerated", 200},
	{"ipv6-correct-abnf-2-colons", "two colons", 200},
}

func TestItem50_TortureMessages(t *testing.T) {
	for _, tc := range torture {
		t.Run(tc.name, func(t *testing.T) {
			if got := endure(t, "rfc4475", tc.name); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.why, got, tc.want)
			}
		})
	}
	if files, _ := filepath.Glob("testdata/rfc4475/*.dat"); len(files) != len(torture) {
		t.Errorf("%d messages, %d in the table", len(files), len(torture))
	}
}

func TestItem11_TortureMessagesForIPv6(t *testing.T) {
	for _, tc := range tortureIPv6 {
		t.Run(tc.name, func(t *testing.T) {
			if got := endure(t, "rfc5118", tc.name); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.why, got, tc.want)
			}
		})
	}
	if files, _ := filepath.Glob("testdata/rfc5118/*.dat"); len(files) != len(tortureIPv6) {
		t.Errorf("%d messages, %d in the table", len(files), len(tortureIPv6))
	}
}

// endure sends a message to a phone, twice as a retransmission, and returns what
// became of it. Then the phone must still answer.
func endure(t *testing.T, folder, name string) (outcome int) {
	t.Helper()
	message, err := os.ReadFile(filepath.Join("testdata", folder, name+".dat"))
	if err != nil {
		t.Fatal(err)
	}
	// Those of RFC 5118 have bare line feeds in the archive, and some lack the empty
	// line at the end.
	if !strings.Contains(string(message), "\r\n") {
		message = []byte(strings.ReplaceAll(string(message), "\n", "\r\n"))
	}
	if !strings.Contains(string(message), "\r\n\r\n") {
		message = append(message, "\r\n"...)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards answers
		var answers []string
		n := simnet.New(simnet.Config{Tap: func(p simnet.Packet) {
			if p.From.String() == agentAddr {
				mu.Lock()
				answers = append(answers, string(p.Data))
				mu.Unlock()
			}
		}})
		defer n.Close()
		ph, us := n.Host("10.0.0.1"), n.Host("10.0.0.2")
		p, a := newPeer(t, ph), directAgent(t, us)
		for range 2 {
			if _, err := p.conn.WriteTo(message, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(agentAddr))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		mu.Lock()
		outcome = first(t, answers, message)
		mu.Unlock()
		select {
		case <-a.Events():
			if outcome != rings {
				t.Errorf("a call came in beside %d", outcome)
			}
		default:
			if outcome == rings {
				t.Error("no call came in")
			}
		}
		p.send(strings.ReplaceAll(inviteText("after"), "INVITE", "OPTIONS"))
		time.Sleep(100 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		if last := strings.Join(answers, ""); !strings.Contains(last, "z9hG4bKafter") {
			t.Error("the phone does not answer any more")
		}
	})
	return outcome
}

// first is the code of the first answer but 100. An answer repeats Via as it came
// (with what RFC 3581 and 3261 add), and is the same for the same message.
func first(t *testing.T, answers []string, message []byte) int {
	t.Helper()
	code := dropped
	for _, a := range answers {
		var c int
		if _, err := fmt.Sscanf(a, "SIP/2.0 %d ", &c); err != nil {
			t.Errorf("no answer: %q", a)
		}
		if strings.Contains(a, "z9hG4bK2543") {
			t.Errorf("our own branch went out:\n%s", a)
		}
		if len(a) > len(message)+256 {
			t.Errorf("%d bytes in answer to %d", len(a), len(message))
		}
		if c != 100 && code == dropped {
			code = c
		}
		if c != 100 && c != code {
			t.Errorf("%d, then %d", code, c)
		}
	}
	return code
}

// Whatever is refused, the answer is one message, not much larger than what it
// answers.
func FuzzRefuse(f *testing.F) {
	f.Add([]byte(strings.Replace(plain, "7 OPTIONS", "x", 1)))
	f.Add([]byte(strings.Replace(plain, "SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 1)))
	f.Add([]byte(strings.ReplaceAll(plain, "sip:a@b", "x:y")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		res := refuse(raw, from)
		if res == nil {
			return
		}
		text := res.String()
		rest := strings.ReplaceAll(text, "\r\n", "")
		if strings.Index(text, "\r\n\r\n") != len(text)-4 || strings.ContainsAny(rest, "\r\n") || len(text) > len(raw)+512 {
			t.Fatalf("%q\nin answer to %q", text, raw)
		}
	})
}
