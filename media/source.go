package media

import (
	"math"
	"slices"
	"time"

	"github.com/pion/rtcp"

	"karat/media/device"
)

// knownSources is a short list of SSRCs.
type knownSources struct {
	ssrc [maxSources]uint32
	n    int
}

func (k *knownSources) has(ssrc uint32) bool {
	return slices.Contains(k.ssrc[:k.n], ssrc)
}

// room tells whether the source is known or could be added.
func (k *knownSources) room(ssrc uint32) bool { return k.n < maxSources || k.has(ssrc) }

func (k *knownSources) add(ssrc uint32) {
	if k.n < maxSources && !k.has(ssrc) {
		k.ssrc[k.n] = ssrc
		k.n++
	}
}

// source counts what came from one SSRC, as RFC 3550, Appendix A does.
type source struct {
	ssrc            uint32
	perTick         uint32 // of its clock; 0: not known yet
	first, highest  uint32 // extended sequence numbers
	received        uint32
	epoch           time.Time
	transit, jitter int64 // in samples; jitter times 16

	reportedExpected, reportedReceived uint32 // at the last report

	senderReport   uint32 // middle bits of the NTP time of the peer's last one
	senderReportAt time.Time
}

// note counts one packet, and tells how far it is ahead of all before it: 1 if none
// is missing between, 0 or less if it comes late.
func (c *source) note(now time.Time, seq uint16, timestamp uint32) (ahead int) {
	if c.received == 0 {
		c.first, c.highest = uint32(seq), uint32(seq)-1
		c.epoch = now
	}
	ahead = int(int16(seq - uint16(c.highest)))
	if ahead > 0 {
		c.highest += uint32(ahead)
	}
	c.received++
	c.spread(now, timestamp)
	return ahead
}

// spread tracks the jitter.
//
// RFC 3550, Appendix A.8: s->jitter += d - ((s->jitter + 8) >> 4).
func (c *source) spread(now time.Time, timestamp uint32) {
	transit := int64(uint32(now.Sub(c.epoch)*device.SampleRate/time.Second) - timestamp)
	if c.received > 1 {
		d := int64(int32(uint32(transit) - uint32(c.transit)))
		c.jitter += max(d, -d) - (c.jitter+8)>>4
	}
	c.transit = transit
}

// expected is how many packets the peer sent as far as we can tell.
func (c *source) expected() uint32 {
	if c.received == 0 {
		return 0
	}
	return c.highest - c.first + 1
}

func (c *source) lost() uint32 {
	if e := c.expected(); e > c.received {
		return e - c.received
	}
	return 0
}

func (c *source) jitterTime() time.Duration {
	return time.Duration(c.jitter/16) * time.Second / device.SampleRate
}

// report is the reception report of the time since the last one.
//
// RFC 3550, Section 6.4.1, and Appendix A.3 for the fraction lost.
func (c *source) report(now time.Time) rtcp.ReceptionReport {
	expected := c.expected() - c.reportedExpected
	received := c.received - c.reportedReceived
	c.reportedExpected, c.reportedReceived = c.expected(), c.received
	var fraction uint32
	if expected > received {
		fraction = min((expected-received)<<8/expected, math.MaxUint8)
	}
	r := rtcp.ReceptionReport{
		SSRC:               c.ssrc,
		FractionLost:       uint8(fraction),
		TotalLost:          min(c.lost(), 1<<23-1),
		LastSequenceNumber: c.highest,
		Jitter:             uint32(c.jitter/16) / max(c.perTick, 1), // in its own clock
	}
	if !c.senderReportAt.IsZero() {
		r.LastSenderReport = c.senderReport
		r.Delay = uint32(now.Sub(c.senderReportAt) * 65536 / time.Second)
	}
	return r
}
