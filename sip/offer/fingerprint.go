package offer

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// DTLS is what both sides agreed on where DTLS brings the keys (RFC 5763): the
// fingerprints of the peer's certificate, and who begins.
type DTLS struct {
	Fingerprints []string // values of a=fingerprint
	Active       bool     // we begin
}

// The roles of a=setup (RFC 4145, Section 4).
const (
	setupActive  = "active"
	setupPassive = "passive"
	setupEither  = "actpass"
)

// maxFingerprints of a peer are read; phones send one, some one for each hash.
const maxFingerprints = 8

// fingerprints are the values of the media's a=fingerprint, else of the session's
// (RFC 8122, Section 5).
func fingerprints(s *sdp.SessionDescription, m *sdp.MediaDescription) (all []string) {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			if a.Key == "fingerprint" && len(all) < maxFingerprints {
				all = append(all, strings.TrimSpace(a.Value))
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// setup is the role that the peer wants, empty where it does not say.
func setup(s *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			if a.Key == "setup" {
				return strings.ToLower(strings.TrimSpace(a.Value))
			}
		}
	}
	return ""
}

// leavesRole tells an offer of DTLS from an answer. Who offers a=crypto as well lets
// us choose, and we take the keys that a provider has to sit between to get, not
// those that it can read. An answer that says both answers what we offered: SDES.
//
// RFC 5763, Section 5: "The endpoint that is the offerer MUST use the setup
// attribute value of setup:actpass". RFC 4145, Section 4.1: an answer has another.
func (d Description) leavesRole() bool { return d.Setup == setupEither }

// answeredSetup is our role against the one offered; false: it cannot be.
//
// RFC 5763, Section 5: the answerer SHOULD be active. RFC 4145, Section 4.1: who
// offers without a word is active.
func answeredSetup(offered string) (string, bool) {
	switch offered {
	case setupEither, setupPassive:
		return setupActive, true
	case setupActive, "":
		return setupPassive, true
	}
	return "", false // holdconn
}

// agreedDTLS is the outcome of an answer to our offer, which left the choice; nil: it
// made none.
func (d Description) agreedDTLS() *DTLS {
	if len(d.Fingerprints) == 0 || !slices.Contains([]string{setupActive, setupPassive, ""}, d.Setup) {
		return nil
	}
	return &DTLS{Fingerprints: d.Fingerprints, Active: d.Setup == setupPassive}
}

// readable tells whether the user allowed what a stream of that profile asks for.
func (l Local) readable(p Profile) bool {
	return p == SRTP && len(l.Crypto) > 0 || p == DTLSSRTP && l.Fingerprint != ""
}
