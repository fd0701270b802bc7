package media

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/pion/rtcp"

	"karat/media/codec"
	"karat/media/profile"
)

const (
	// reportEvery is the interval of our reports; the first ones come sooner, so
	// that the announcement in them is soon heard, even if one is lost.
	//
	// RFC 3550, Section 6.2 recommends 5 s, and to vary it so that many
	// members do not report at once. Here are two, and a varying interval
	// would be one more thing to measure: it is constant.
	reportEvery = 5 * time.Second
	// cnameBytes is RFC 7022, Section 4.2: at least 96 random bits for every
	// new session.
	cnameBytes = 12
)

// firstReports are when reports leave before the first multiple of reportEvery.
var firstReports = [...]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}

// An announcement tells the peer that we are a Karat, and take payloads of the
// shape between Karats (package profile). It is in every report, whoever the peer
// is, so that no report's size tells.
//
// RFC 3550, Section 6.7: an application-defined packet has a name of four ASCII
// characters and a subtype.
const (
	announcement        = "KRAT"
	announcementSubtype = 1 // the one shape there is
)

// reporter makes RTCP reports. What they say of us is random: the CNAME, and
// an epoch of the NTP clock that is nobody's.
type reporter struct {
	cname string
	epoch uint64 // NTP time, 32.32 bits, at began
	began time.Time
	clock clock
}

func newReporter(c clock) reporter {
	var b [cnameBytes + 8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return reporter{
		cname: base64.StdEncoding.EncodeToString(b[:cnameBytes]),
		epoch: binary.BigEndian.Uint64(b[cnameBytes:]),
		began: time.Now(),
		clock: c,
	}
}

// ntp is our clock as reports tell it.
func (r *reporter) ntp(now time.Time) uint64 {
	d := r.clock.reads(now.Sub(r.began))
	whole, rest := uint64(d/time.Second), uint64(d%time.Second)
	return r.epoch + whole<<32 + rest<<32/uint64(time.Second)
}

// middle is the middle 32 bits of an NTP time, as reports refer to it.
func middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// reportDue returns the reception report to send at this tick, nil for none.
// Without rtcp-mux there is no RTCP, and none before the peer was heard: every
// report has one shape.
func (s *Stream) reportDue(tick int64) *rtcp.ReceptionReport {
	if !s.out.reportsAt(tick) {
		return nil
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.in.clear || !s.in.params.RTCPMux || s.in.source.received == 0 {
		return nil
	}
	r := s.in.source.report(time.Now())
	return &r
}

// reportsAt tells whether a report follows the packet of this tick.
func (o *sender) reportsAt(tick int64) bool {
	packet := time.Duration(o.profile.Samples) * time.Second / codec.SampleRate
	since := func(d time.Duration) int64 { return int64(d / packet) }
	for _, d := range firstReports {
		if tick == since(d) {
			return true
		}
	}
	return tick > 0 && tick%since(reportEvery) == 0
}

// sealReport makes the SRTCP packet of a report. The caller holds mu.
//
// RFC 3550, Section 6.1: a compound packet is a report first, then an SDES
// with a CNAME.
func (o *sender) sealReport(reception *rtcp.ReceptionReport) ([]byte, error) {
	h := &o.seal.header
	sr := &rtcp.SenderReport{
		SSRC:        h.SSRC,
		NTPTime:     o.reports.ntp(time.Now()),
		RTPTime:     h.Timestamp,
		PacketCount: uint32(o.seal.count),
		OctetCount:  uint32(o.seal.count * uint64(o.bytes(o.seal.codec))),
		Reports:     []rtcp.ReceptionReport{*reception},
	}
	plain, err := rtcp.Marshal([]rtcp.Packet{
		sr,
		rtcp.NewCNAMESourceDescription(h.SSRC, o.reports.cname),
		&rtcp.ApplicationDefined{SubType: announcementSubtype, SSRC: h.SSRC, Name: announcement},
	})
	if err != nil {
		return nil, fmt.Errorf("media: write the report: %w", err)
	}
	b, err := o.seal.ctx.EncryptRTCP(nil, plain, nil)
	if err != nil {
		return nil, fmt.Errorf("media: seal the report: %w", err)
	}
	return b, nil
}

// openReport decrypts and uses RTCP. The caller holds mu.
func (r *receiver) openReport(now time.Time, b []byte) verdict {
	const ssrcEnd = 8
	if len(b) < ssrcEnd || len(b) > maxOpened || !r.reports.room(binary.BigEndian.Uint32(b[4:])) {
		return verdict{outcome: forged}
	}
	opened, err := r.ctx.DecryptRTCP(r.opened[:0], b, &r.control)
	if err != nil {
		return verdict{outcome: refusal(err)}
	}
	r.reports.add(binary.BigEndian.Uint32(b[4:]))
	packets, err := rtcp.Unmarshal(opened)
	if err != nil {
		return verdict{outcome: ignored}
	}
	v := verdict{outcome: taken}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			if p.SSRC == r.source.ssrc {
				r.source.senderReport, r.source.senderReportAt = middle(p.NTPTime), now
			}
			v.readReports(r, now, p.Reports)
		case *rtcp.ReceiverReport:
			v.readReports(r, now, p.Reports)
		case *rtcp.ApplicationDefined:
			v.karat = v.karat || p.Name == announcement && p.SubType == announcementSubtype
		}
	}
	return v
}

// lossWorthCare is the share of packets lost, in 256ths, from which a phone that is
// no Karat is sent redundancy.
const lossWorthCare = 1

// readReports takes what the peer reports on us.
func (v *verdict) readReports(r *receiver, now time.Time, reports []rtcp.ReceptionReport) {
	v.rtt = max(v.rtt, r.roundTrip(now, reports))
	for _, p := range reports {
		if p.SSRC != r.self || r.shaped {
			continue // a Karat asks in its payloads, sooner
		}
		v.asked = careWanted{profile.Least, true}
		if p.FractionLost >= lossWorthCare {
			v.asked.care = profile.Some
		}
	}
}

// maxRoundTrip is more than a packet lives; beyond it a report is nonsense.
const maxRoundTrip = 30 * time.Second

// roundTrip is what the peer's reports on us tell; 0 if nothing.
//
// RFC 3550, Section 6.4.1: now less the last SR timestamp less the delay since.
func (r *receiver) roundTrip(now time.Time, reports []rtcp.ReceptionReport) time.Duration {
	for _, p := range reports {
		if p.SSRC != r.self || p.LastSenderReport == 0 {
			continue
		}
		units := middle(r.clock.ntp(now)) - p.LastSenderReport - p.Delay
		if d := time.Duration(int64(int32(units))) * time.Second / 65536; d > 0 && d < maxRoundTrip {
			return d
		}
	}
	return 0
}
