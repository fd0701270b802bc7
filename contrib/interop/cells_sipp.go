package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// scripted is a call with a sipp, which does what its scenario (lab/sipp) says and
// fails when Karat does anything else. It speaks the telephone network's PCMU.
type scripted struct {
	name, proves string
	scenario     string
	sippCalls    bool
	allow        string
	// talk is how long the call lasts from its answer.
	talk  time.Duration
	early bool // it plays Karat's own speech before the answer
	keys  bool // in the signalling
	full  bool
	items []int
}

// sippCells are calls with a sipp: what no phone at hand does.
func sippCells() []cell {
	var all []cell
	for _, s := range []scripted{
		{
			name: "clear", scenario: "calls", sippCalls: true, allow: "clear", talk: clearTime, full: true, items: []int{54, 64},
			proves: "plain RTP is offered, and with --allow clear taken, after keys were asked for: both are heard, everyone can listen says the assay, and Karat exits 3",
		},
		{
			name: "early-media", scenario: "early", early: true, allow: "clear", talk: clearTime, full: true, items: []int{35},
			proves: "what is played before the answer (183 with SDP) is not heard, though the call is one in clear; what comes after it is",
		},
		{
			name: "refreshed", scenario: "refreshes", allow: "clear", talk: 20 * time.Second, full: true, items: []int{37, 41},
			proves: "the session is refreshed by the other end, by UPDATE and by re-INVITE, and both are heard afterwards",
		},
		{
			name: "refreshed/by-update", scenario: "refreshed-update", allow: "clear", talk: 60 * time.Second, full: true, items: []int{37},
			proves: "Karat refreshes the session at half its time, by UPDATE, and both are heard afterwards",
		},
		{
			name: "refreshed/by-re-invite", scenario: "refreshed-re-invite", allow: "clear", talk: 60 * time.Second, full: true, items: []int{37},
			proves: "Karat refreshes the session at half its time, by re-INVITE where the other end takes no UPDATE, and both are heard afterwards",
		},
		{
			name: "sdes", scenario: "calls-sdes", sippCalls: true, allow: "provider", keys: true, talk: talkTime + settleTime, items: []int{53, 64, 68, 69},
			proves: "keys are offered in the signalling and with --allow provider taken: both are heard through SRTP, whose keys are those that the provider saw",
		},
		{
			name: "delayed", scenario: "calls-late", sippCalls: true, allow: "clear", talk: clearTime, full: true, items: []int{40},
			proves: "an INVITE without an offer is answered by Karat's, and the answer comes in the ACK: both are heard",
		},
	} {
		all = append(all, cell{
			name: "sipp/" + s.name, proves: s.proves, limit: 2 * callLimit, karat: true, full: s.full, items: s.items, run: s.run,
		})
	}
	return append(all, cell{
		name:   "sipp/refused",
		proves: "plain RTP is refused by default: Karat exits 3, says why, played nothing and sent no packet but SIP and ZRTP",
		limit:  callLimit, karat: true, items: []int{47, 54}, run: sippRefused,
	})
}

// sippKey is the one that a sipp offers in the signalling (RFC 4568, Section 6.1): the
// key and salt of AES_CM_128_HMAC_SHA1_80.
var sippKey = []byte("a key and a salt of 30 octets.")

const keyBytes = 16

func (s scripted) run(ctx context.Context, b *bench) error {
	c, err := s.start(ctx, b)
	if err != nil {
		return err
	}
	if err := errors.Join(exits(ctx, c.call, 3), c.peer.WaitPlayed(ctx), readable{}.judgeAssay(c.call)); err != nil {
		return err
	}
	if s.keys {
		err = readable{}.judgeWire(b)
	} else {
		err = judgeClear(b)
	}
	if err != nil {
		return err
	}
	atKarat, err := c.call.Heard()
	err = b.heard("karat", atKarat, err, c.sippSays, c.karatSays)
	atPeer, perr := s.heardBySIPp(b, c.peer)
	return errors.Join(err, b.heard("sipp", atPeer, perr, c.karatSays, c.sippSays))
}

// scriptedCall is such a call.
type scriptedCall struct {
	call *lab.KaratCall
	peer *lab.SIPp
	// What each says, as files, many times over.
	karatSays, sippSays string
}

// start begins the call.
func (s scripted) start(ctx context.Context, b *bench) (c scriptedCall, err error) {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return c, err
	}
	if c.karatSays, err = b.atLength(b.alice, 2*moreTimes); err != nil {
		return c, err
	}
	if c.sippSays, err = b.atLength(b.bob, moreTimes); err != nil {
		return c, err
	}
	karat, err := b.NewKarat(ctx, lab.KaratConfig{
		Binary: b.karat, User: "alice", Proxy: proxy, Transport: "tls", Speech: c.karatSays, Allow: s.allow,
	})
	if err != nil {
		return c, err
	}
	config := lab.SIPpConfig{
		User: "bob", Proxy: proxy, Scenario: s.scenario, Voice: map[string][][]byte{},
		Words: map[string]string{"talk": strconv.FormatInt(s.talk.Milliseconds(), 10), "key": base64.StdEncoding.EncodeToString(sippKey)},
	}
	if config.Voice["says"], err = s.voice(c.sippSays); err != nil {
		return c, err
	}
	if s.early {
		if config.Voice["early"], err = s.voice(b.alice); err != nil {
			return c, err
		}
	}
	if s.sippCalls {
		config.Peer = "alice"
		if c.call, err = karat.Answer(ctx); err != nil {
			return c, err
		}
	}
	if c.peer, err = b.StartSIPp(ctx, config); err != nil {
		return c, err
	}
	b.others = append(b.others, c.peer.UDPPorts()...)
	if !s.sippCalls {
		c.call, err = karat.Dial(ctx, proxy.AOR("bob"), s.talk)
	}
	return c, err
}

// voice is a recording as sipp sends it.
func (s scripted) voice(file string) ([][]byte, error) {
	r, err := lab.ReadWAV(file)
	if err != nil {
		return nil, err
	}
	packets, err := lab.TelephoneVoice(r)
	if err != nil || !s.keys {
		return packets, err
	}
	// sipp makes no SRTP of its own here (Debian's has no TLS library), so it is made
	// beforehand.
	out, err := srtp.CreateContext(sippKey[:keyBytes], sippKey[keyBytes:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		return nil, err
	}
	for i := range packets {
		if packets[i], err = out.EncryptRTP(nil, packets[i], nil); err != nil {
			return nil, err
		}
	}
	return packets, nil
}

var reInlineKey = regexp.MustCompile(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)`)

// heardBySIPp is what Karat sent to it, off the wire: it records nothing itself. Keys
// are read where the provider reads them.
func (s scripted) heardBySIPp(b *bench, peer *lab.SIPp) (lab.Recording, error) {
	var in *srtp.Context
	var voice [][]byte
	for _, p := range b.packets {
		switch {
		case s.keys && in == nil && p.Class == wiretap.SIP && int(p.To.Port()) == peer.SIPPort && bytes.HasPrefix(p.Payload, []byte("SIP/2.0 200")):
			m := reInlineKey.FindSubmatch(p.Payload)
			if m == nil {
				continue
			}
			key, err := base64.StdEncoding.DecodeString(string(m[1]))
			if err != nil || len(key) != len(sippKey) {
				return lab.Recording{}, fmt.Errorf("karat's answer has a key that is none: %w", err)
			}
			if in, err = srtp.CreateContext(key[:keyBytes], key[keyBytes:], srtp.ProtectionProfileAes128CmHmacSha1_80); err != nil {
				return lab.Recording{}, err
			}
		case p.Class == wiretap.RTP && int(p.To.Port()) == peer.MediaPort:
			voice = append(voice, p.Payload)
		}
	}
	if s.keys && in == nil {
		return lab.Recording{}, errors.New("the provider saw no key of karat's")
	}
	for i := range voice {
		if in == nil {
			continue
		}
		var err error
		if voice[i], err = in.DecryptRTP(nil, voice[i], &rtp.Header{}); err != nil {
			return lab.Recording{}, fmt.Errorf("with the key that the provider saw: %w", err)
		}
	}
	return lab.HeardTelephone(voice), nil
}

// sippRefused: Karat calls, the answer is plain RTP, and voice comes at once.
func sippRefused(ctx context.Context, b *bench) error {
	c, err := scripted{scenario: "answers", talk: talkTime}.start(ctx, b)
	if err != nil {
		return err
	}
	if err := errors.Join(exits(ctx, c.call, 3), c.peer.WaitPlayed(ctx)); err != nil {
		return err
	}
	refused, err := c.call.WaitEvent(ctx, "refused")
	if err != nil {
		return err
	}
	if refused.Why == "" {
		return errors.New("karat does not say why")
	}
	if c.call.Has("secure") || c.call.Has("talking") {
		return errors.New("karat talked")
	}
	atKarat, err := c.call.Heard()
	if err == nil { // a call in which nothing was played may have no recording
		err = b.hearsNot("karat", atKarat, c.sippSays)
	} else {
		err = nil
	}
	b.note("%s", refused.Why)
	return errors.Join(err, refusal{karatCalls: true, peer: "sipp", hello: true}.judge(b))
}
