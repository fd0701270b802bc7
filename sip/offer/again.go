package offer

// Reoffer offers a change of a stream that the peer offered last: its lines keep
// their places, formats their numbers, the transport its name.
//
// RFC 3264, Section 8: "the 'm=' lines ... MUST be in the same order"; Section
// 8.3.2: a payload type number stays with its codec for the whole session.
func Reoffer(theirs Description, l Local) []byte {
	s := stream{
		voices: []Voice{{theirs.VoicePT, theirs.Codec}}, protocol: theirs.Media[theirs.Audio].Protocol,
		rtcpMux: theirs.RTCPMux, direction: l.Direction,
	}
	if theirs.ICE != nil {
		s.ice = l.ICE
	}
	switch theirs.Profile {
	case SRTP:
		s.crypto, s.beside = theirs.keysOf(l), theirs.beside(l)
	case DTLSSRTP:
		s.fingerprint, s.setup = l.Fingerprint, setupEither
	case RTP, Other:
	}
	if theirs.EventPT >= 0 {
		s.events = []event{{theirs.EventPT, theirs.EventRate}}
	}
	return write(l, theirs.answers(s.media(l)))
}

// AcceptReoffer reads the answer to Reoffer(theirs, l).
func AcceptReoffer(theirs Description, l Local, answer Description) (Negotiated, error) {
	return accept(l, answer, theirs.Audio, []Voice{{theirs.VoicePT, theirs.Codec}})
}
