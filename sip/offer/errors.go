package offer

import "errors"

// Refusals. Each is a sentence for the person at the phone; errors.Is tells
// them apart, and that ErrSDES and ErrDTLS are ErrNotPrivate.
var (
	// ErrNotPrivate: the stream could not be private end to end.
	ErrNotPrivate = errors.New("the other phone asks for a call that would not be private end to end")
	// ErrSDES: RTP/SAVP with keys in the signalling (RFC 4568), or none.
	ErrSDES error = &kind{"the other phone insists on encryption whose keys every provider on the way can read (SDES)", []error{ErrNotPrivate}}
	// ErrDTLS: DTLS-SRTP (RFC 5764), where the fingerprints come through the
	// provider.
	ErrDTLS error = &kind{"the other phone insists on encryption that a provider on the way can step into (DTLS-SRTP)", []error{ErrNotPrivate}}
	// ErrNoAudio: no audio stream, or none over RTP.
	ErrNoAudio = errors.New("the other phone offers no sound in a form known here")
	// ErrNoCodec: neither Opus nor G.722 nor G.711.
	ErrNoCodec = errors.New("the two phones have no voice codec in common: the other one speaks neither Opus nor G.722 nor G.711")
	// ErrSuite: SDES without a suite in common, or an answer that is none.
	ErrSuite = errors.New("the two phones have no encryption in common")
	// ErrNoAddress: the c= line names no unicast address in numbers.
	ErrNoAddress = errors.New("the other phone does not say to which address its sound should go")
	// ErrSyntax: not SDP, or more of it than a phone sends.
	ErrSyntax = errors.New("the other phone's description of the call cannot be read")
	// ErrDowngrade: a later description promises less than an earlier one.
	ErrDowngrade = errors.New("the other side asks to make the running call less private")
)

// kind is a sentence of its own that also counts as other errors.
type kind struct {
	why string
	is  []error
}

func (k *kind) Error() string   { return k.why }
func (k *kind) Unwrap() []error { return k.is }

// notPrivate is why a stream of that profile is refused; nil: it is not.
func (p Profile) notPrivate() error {
	switch p {
	case RTP:
		return nil
	case SRTP:
		return ErrSDES
	case DTLSSRTP:
		return ErrDTLS
	case Other:
		return ErrNoAudio
	default:
		return ErrNoAudio
	}
}
