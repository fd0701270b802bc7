package media

import (
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// maxIndex bounds the packet index, sequence number and rollover counter.
//
// RFC 3711, Section 9.2: "when 2^48 SRTP packets or 2^31 SRTCP packets have
// been secured with the same key [...] the session MUST be terminated".
// pion/srtp keeps the limit of SRTCP.
const maxIndex = 1 << 48

// sealer numbers, dates and encrypts packets. Each number is used once: the
// index only grows, and a number is spent before it is used.
type sealer struct {
	ctx    *srtp.Context
	index  uint64 // of the next packet; its low 16 bits are the sequence number
	count  uint64 // of packets sealed
	header rtp.Header
	codec  Codec
	clear  bool // nothing is sealed: ArmClear
	parsed rtp.Header
	plain  [rtpHeader + maxPayload]byte
	sealed [rtpHeader + maxPayload + maxTag]byte
}

const (
	rtpHeader = 12
	maxTag    = 16 // of AES-GCM
)

// init sets where counting begins.
//
// RFC 4568, Section 6.4: "the initial value of SEQ SHOULD be chosen to be
// within the range of 0..2^15-1; this avoids an ambiguity when packets are lost
// at the start of the session".
func (s *sealer) init(ctx *srtp.Context, ssrc uint32, p Parameters) {
	s.ctx, s.codec = ctx, p.Codec
	s.index = uint64(random32() & 0x7fff)
	s.header = rtp.Header{Version: 2, PayloadType: p.SendPT, SSRC: ssrc, Timestamp: random32()}
}

// pass moves the time of the next packet on, by so many samples.
func (s *sealer) pass(samples int64) {
	s.header.Timestamp += uint32(samples / int64(s.codec.perTick()))
}

// sealEvent makes the packet of a telephone event, between those of voice.
func (s *sealer) sealEvent(e event, payloadType uint8) ([]byte, error) {
	voice := s.header
	s.header.PayloadType, s.header.Timestamp, s.header.Marker = payloadType, e.timestamp, e.marker
	b, err := s.seal(copy(s.payload(eventBytes), e.payload[:]))
	s.header.PayloadType, s.header.Timestamp, s.header.Marker = voice.PayloadType, voice.Timestamp, voice.Marker
	return b, err
}

// payload is where the next payload of so many bytes is to be written.
func (s *sealer) payload(n int) []byte { return s.plain[rtpHeader : rtpHeader+n] }

// number is the sequence number of the next packet.
func (s *sealer) number() uint16 { return uint16(s.index) }

// seal makes the SRTP packet of the first n bytes of payload. It is valid until
// the next call.
func (s *sealer) seal(n int) ([]byte, error) {
	if s.index >= maxIndex {
		return nil, ErrExhausted
	}
	s.header.SequenceNumber = s.number()
	s.index++
	s.count++
	if _, err := s.header.MarshalTo(s.plain[:rtpHeader]); err != nil {
		return nil, fmt.Errorf("media: write the RTP header: %w", err)
	}
	if s.clear {
		return s.plain[:rtpHeader+n], nil
	}
	b, err := s.ctx.EncryptRTP(s.sealed[:0], s.plain[:rtpHeader+n], &s.parsed)
	if err != nil {
		return nil, fmt.Errorf("media: seal: %w", err)
	}
	return b, nil
}
