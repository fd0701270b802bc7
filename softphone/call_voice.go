package softphone

import (
	"fmt"
	"time"

	"karat/media"
	"karat/media/device"
	"karat/media/profile"
	"karat/sip/offer"
)

// voice is how far the microphone has been let.
type voice int

const (
	voiceClosed voice = iota // nothing but ZRTP has left
	voiceOpen                // frames are sent
	voiceCut                 // stopped for good
)

// telephoneVoice says what the codecs of the telephone network cost.
const telephoneVoice = "The other phone does not speak Opus: the voice is that of the telephone network (G.722 or G.711). Its packets have one size whatever is said, as ever, but it sounds worse, takes more of the line, and a loss is heard."

// figuresEvery is how often the voice's figures are told.
const figuresEvery = time.Second

func (c *call) parameters() media.Parameters {
	p := media.Parameters{
		SendPT: uint8(c.agreed.VoicePT), ReceivePT: uint8(c.agreed.ReceivePT), RTCPMux: c.agreed.RTCPMux,
		Codec: media.Codec(c.agreed.Codec),
	}
	for _, v := range c.agreed.Also {
		p.Also = append(p.Also, media.Payload{PT: uint8(v.PT), Codec: media.Codec(v.Codec)})
	}
	if c.agreed.EventPT >= 0 {
		p.EventPT, p.EventRate = uint8(c.agreed.EventPT), c.agreed.EventRate
	}
	return p
}

// openVoice opens the microphone, once the policy is met.
func (c *call) openVoice() {
	if c.voice == voiceOpen || c.voice == voiceCut {
		return
	}
	if err := c.stream.Start(c.fork); err != nil {
		c.fail(err)
		return
	}
	c.voice = voiceOpen
	c.applyMute()
	c.figures = time.Tick(figuresEvery)
	c.silence.since = time.Now()
	c.emit(Talking{Head: c.head()})
	if c.agreed.Codec != offer.Opus {
		c.emit(Notice{Head: c.head(), Text: telephoneVoice})
	}
	if p := c.phone.packing; p != &profile.Standard {
		c.emit(Notice{Head: c.head(), Text: fmt.Sprintf("Your voice goes in packets of the profile %s: %d bytes for each %d ms, in place of %d for 20.",
			p.Name, p.Bytes, p.Samples*1000/device.SampleRate, profile.Standard.Bytes)})
	}
}

// cutVoice closes the microphone for good.
func (c *call) cutVoice() { c.cut(voiceCut) }

// cut closes the microphone at once. The stream's Stop returns when nothing
// more leaves; after voiceCut it is never opened again.
func (c *call) cut(to voice) {
	c.phone.giveMicrophone(c)
	if c.stream != nil && c.voice == voiceOpen {
		c.stream.SetMuted(true)
		c.stream.Stop()
		to = voiceCut
	}
	c.voice = max(c.voice, to)
}

// applyMute makes the microphone what the user and the peer's direction want. To
// a peer that wants no voice none is sent, not even room tone.
func (c *call) applyMute() {
	if c.voice == voiceOpen {
		c.phone.setMuted(c, c.muted || c.changes.hold || c.changes.asked != nil && c.local.Direction == offer.SendOnly || !c.agreed.Send)
		c.stream.SetPaused(!c.agreed.Send)
	}
}

// measure tells the voice's figures.
func (c *call) measure() {
	s := c.stream.Stats()
	if !c.phone.talks(c) {
		s.MicrophoneLevel = 0
	}
	c.emit(Media{
		Head: c.head(), Sent: s.Sent, Received: s.Received, Lost: s.Lost, Concealed: s.Concealed,
		Restored: s.Restored, LossHeard: s.LossHeard, MicrophoneLevel: s.MicrophoneLevel,
		Unauthenticated: s.Unauthenticated, RTT: s.RTT, Jitter: s.Jitter, Delay: s.Delay,
	})
	c.listen(s)
}
