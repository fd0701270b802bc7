package offer

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// ICE is one side's ICE attributes (RFC 8839), as plain values.
type ICE struct {
	Ufrag, Pwd string
	// Candidates are the values of a=candidate.
	Candidates []string
	// Lite: the peer answers checks and makes none.
	Lite bool
}

const (
	// maxCandidates lines are read. Phones with many interfaces send twenty.
	maxCandidates = 64
	// maxCredential bounds ice-ufrag and ice-pwd (RFC 8839, Section 5.4: 256).
	maxCredential = 256
)

// iceOf reads the peer's attributes. There is no ICE where some are missing, or
// where somebody on the way rewrote c= and m= and left the candidates.
//
// RFC 8839, Section 4.2.5: "If the default destination [...] is not in the
// candidate lines", the answer says ice-mismatch, and the call goes on without.
func iceOf(s *sdp.SessionDescription, m *sdp.MediaDescription, at netip.AddrPort) (ice *ICE, mismatch bool) {
	if has(s, m, "ice-mismatch") {
		return nil, false
	}
	found := ICE{Ufrag: credential(s, m, "ice-ufrag"), Pwd: credential(s, m, "ice-pwd")}
	_, found.Lite = s.Attribute("ice-lite")
	standard := false
	for _, a := range m.Attributes {
		if a.Key != "candidate" || len(found.Candidates) == maxCandidates {
			continue
		}
		found.Candidates = append(found.Candidates, a.Value)
		standard = standard || candidateAddress(a.Value) == at
	}
	if found.Ufrag == "" || found.Pwd == "" || len(found.Candidates) == 0 {
		return nil, false
	}
	if !standard {
		return nil, true
	}
	return &found, false
}

// credential is ice-ufrag or ice-pwd, of the media before the session.
func credential(s *sdp.SessionDescription, m *sdp.MediaDescription, name string) string {
	v, ok := m.Attribute(name)
	if !ok {
		v, _ = s.Attribute(name)
	}
	v = strings.TrimSpace(v)
	if len(v) > maxCredential || strings.Trim(v, iceChars) != "" {
		return ""
	}
	return v
}

// iceChars are what a credential is made of (RFC 8839, Section 5.4).
const iceChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// candidateAddress reads the address of "1 1 UDP 2130706431 192.0.2.1 40000 typ
// host"; invalid where it is none in numbers, or of another component.
func candidateAddress(value string) netip.AddrPort {
	f := strings.Fields(value)
	if len(f) < 6 || f[1] != "1" {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddr(f[4])
	port, err2 := strconv.ParseUint(f[5], 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// write adds the attributes, in the one order.
func (i *ICE) write(m *sdp.MediaDescription) {
	m.WithValueAttribute("ice-ufrag", i.Ufrag)
	m.WithValueAttribute("ice-pwd", i.Pwd)
	m.WithValueAttribute("ice-options", "ice2") // RFC 8445, Section 10
	for _, c := range i.Candidates {
		m.WithValueAttribute("candidate", c)
	}
}
