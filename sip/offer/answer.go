package offer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// Answer answers an offer: our stream where theirs stands, the other lines
// refused in place. l.Direction is narrowed to what the offer allows. Without
// an answer the error says why; see the Err values.
func Answer(offer Description, l Local) ([]byte, Negotiated, error) {
	if err := offer.usable(l); err != nil {
		return nil, Negotiated{}, err
	}
	d := l.Direction.narrowed(offer.Direction)
	s := stream{
		voices: []Voice{{offer.VoicePT, offer.Codec}},
		// RFC 3264, Section 6.1: formats keep the numbers of the offer, and the
		// transport its name, AVPF included (RFC 4585, Section 4).
		protocol:  offer.Media[offer.Audio].Protocol,
		rtcpMux:   offer.RTCPMux, // RFC 5761, Section 5.1.1: only if offered
		direction: d,
	}
	if l.ICE != nil {
		s.mismatch = offer.ICEMismatch
		if offer.ICE != nil {
			s.ice = l.ICE
		}
	}
	if offer.EventPT >= 0 {
		s.events = []event{{offer.EventPT, offer.EventRate}}
	}
	n, err := offer.negotiated(l, []Voice{{offer.VoicePT, offer.Codec}})
	if err != nil {
		return nil, Negotiated{}, err
	}
	if offer.Profile == SRTP {
		theirs, ours, ok := offer.chosen(offer.keysOf(l))
		if !ok {
			return nil, Negotiated{}, ErrSuite
		}
		s.crypto = []Crypto{ours}
		if s.beside = offer.beside(l); !s.beside {
			n.SDES = sdes(theirs, ours)
		}
	}
	if offer.Profile == DTLSSRTP {
		role, ok := answeredSetup(offer.Setup)
		if !ok || len(offer.Fingerprints) == 0 {
			return nil, Negotiated{}, ErrSuite
		}
		s.fingerprint, s.setup = l.Fingerprint, role
		n.DTLS = &DTLS{Fingerprints: offer.Fingerprints, Active: role == setupActive}
	}
	return write(l, offer.answers(s.media(l))), n, nil
}

// answers puts ours among the refused.
func (d Description) answers(ours *sdp.MediaDescription) []*sdp.MediaDescription {
	// RFC 3264, Section 6: "For each 'm=' line in the offer, there MUST be a
	// corresponding 'm=' line in the answer." Port zero refuses, and at least
	// one format must stand there, though it is ignored.
	var all []*sdp.MediaDescription
	for i, m := range d.Media {
		if i == d.Audio {
			all = append(all, ours)
		} else {
			all = append(all, mediaLine(m.Kind, 0, m.Protocol, m.Formats[0]))
		}
	}
	return all
}

// Accept reads the answer to Offer(l).
func Accept(l Local, answer Description) (Negotiated, error) {
	return accept(l, answer, 0, ourVoices)
}

// accept reads the answer to an offer whose one stream stood at index, with these
// voices. What stands elsewhere answers nothing.
func accept(l Local, answer Description, index int, voices []Voice) (Negotiated, error) {
	if err := answer.usable(l); err != nil {
		return Negotiated{}, err
	}
	if answer.Audio != index {
		return Negotiated{}, ErrNoAudio
	}
	n, err := answer.negotiated(l, voices)
	switch {
	case err != nil:
		return n, err
	case answer.Profile == DTLSSRTP:
		if n.DTLS = answer.agreedDTLS(); n.DTLS == nil {
			return Negotiated{}, ErrSuite
		}
		return n, nil
	case answer.Profile != SRTP || answer.beside(l):
		return n, nil
	}
	theirs, ours, ok := answer.accepted(l)
	if !ok {
		return Negotiated{}, ErrSuite
	}
	n.SDES = sdes(theirs, ours)
	return n, nil
}

// usable tells why we cannot talk to a peer with such a description.
func (d Description) usable(l Local) error {
	if d.Audio < 0 || d.Audio >= len(d.Media) {
		return ErrNoAudio
	}
	if err := d.Profile.notPrivate(); err != nil && !l.readable(d.Profile) && !d.beside(l) {
		return err
	}
	if d.VoicePT < 0 {
		return ErrNoCodec
	}
	return nil
}

// negotiated is the outcome, with l and these voices what we said ourselves.
func (d Description) negotiated(l Local, voices []Voice) (Negotiated, error) {
	listen := receiving(voices, d.Voices)
	i := slices.IndexFunc(listen, func(v Voice) bool { return v.Codec == d.Codec })
	if i < 0 {
		return Negotiated{}, ErrNoCodec
	}
	ours := l.Direction.narrowed(d.Direction)
	n := Negotiated{
		Remote:  d.Address,
		VoicePT: d.VoicePT, ReceivePT: listen[i].PT, Codec: d.Codec, Also: without(listen, i), EventPT: d.EventPT, EventRate: d.EventRate,
		RTCPMux: d.RTCPMux,
		Send:    ours.sends(), Receive: ours.receives(),
		RemoteZRTPHashes: slices.Clone(d.ZRTPHashes),
		PTime:            d.PTime,
	}
	if l.ICE != nil {
		n.ICE = d.ICE
	}
	if n.PTime < 10 || n.PTime > 60 {
		n.PTime = ourPTime
	}
	switch {
	case d.Address.IsValid() && !d.Address.Addr().IsUnspecified():
	case n.Send:
		return Negotiated{}, ErrNoAddress
	default:
		n.Remote = netip.AddrPort{}
	}
	return n, nil
}

// Downgrade compares what the peer said before in this call with what it says
// now, and tells what got worse; nil: nothing. A new address is no downgrade:
// phones move, and SRTP authenticates whoever is there. Neither is a stream
// refused or held.
func Downgrade(before, after Description) error {
	if after.Audio < 0 || before.Audio < 0 {
		return nil
	}
	if why := after.Profile.notPrivate(); why != nil && before.Profile == RTP {
		return &kind{fmt.Sprintf("%v: %v", ErrDowngrade, why), []error{ErrDowngrade, why}}
	}
	if len(before.ZRTPHashes) == 0 {
		return nil
	}
	if len(after.ZRTPHashes) == 0 {
		return fmt.Errorf("%w: it no longer says who its ZRTP is (a=zrtp-hash is gone)", ErrDowngrade)
	}
	if !sameHashes(before.ZRTPHashes, after.ZRTPHashes) {
		return fmt.Errorf("%w: another ZRTP than before answers there (a=zrtp-hash has changed)", ErrDowngrade)
	}
	return nil
}

// sameHashes: each line now was there before. Fewer (an old version dropped)
// do no harm, other ones do.
func sameHashes(before, after []string) bool {
	known := map[string]bool{}
	for _, h := range before {
		known[canonical(h)] = true
	}
	return !slices.ContainsFunc(after, func(h string) bool { return !known[canonical(h)] })
}

// canonical spelling of "1.10 066BFD…": one blank, small letters.
func canonical(hash string) string {
	return strings.ToLower(strings.Join(strings.Fields(hash), " "))
}
