package wiretap

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

const (
	// zrtpHeader and zrtpCRC stand around a ZRTP message (RFC 6189, Section 5).
	zrtpHeader, zrtpCRC = 12, 4
	// valueLen is the shortest value that a call could be known again by: the id of a
	// secret has 8 octets, a ZID 12, a hash 32.
	valueLen = 8
	// hashLen is that of the longest value in signalling: a Hello's hash, in digits.
	hashLen = 64
)

// Repeated returns the values of key agreements that come in more than one of these
// calls, and not in a call of others: what is in that is common to all calls. Values
// are all octets of ZRTP messages, eight at a time at every word, and the Hello's
// hashes in signalling.
func Repeated(calls [][]Packet, others []Packet) (again []string) {
	common, times := values(others), map[string]int{}
	for _, call := range calls {
		for v := range values(call) {
			times[v]++
		}
	}
	for v, n := range times {
		if n > 1 && !common[v] {
			again = append(again, v)
		}
	}
	slices.Sort(again)
	return again
}

func values(packets []Packet) map[string]bool {
	all := map[string]bool{}
	for _, p := range packets {
		switch p.Class {
		case SIP:
			for word := range strings.FieldsSeq(string(p.Payload)) {
				if len(word) == hashLen {
					all[strings.ToLower(word)] = true
				}
			}
		case ZRTP:
			for at := zrtpHeader; at+valueLen <= len(p.Payload)-zrtpCRC; at += 4 {
				all[hex.EncodeToString(p.Payload[at:at+valueLen])] = true
			}
		case TLS, TCP, STUN, DTLS, RTP, RTCP, KeepAlive, Other: // hold no key agreement that can be read
		}
	}
	return all
}

// During returns the packets between two times.
func During(packets []Packet, from, to time.Time) []Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p Packet) bool {
		return p.At.Before(from) || p.At.After(to)
	})
}
