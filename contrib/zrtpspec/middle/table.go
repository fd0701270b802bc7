package middle

import (
	"bytes"
	"slices"

	"karat/zrtp/wire"
)

// Attacks are those that M can carry out on the media path.
func Attacks() []Attack {
	ff := bytes.Repeat([]byte{0xff}, 384)
	weak := map[string][]byte{"0": make([]byte, 384), "1": append(make([]byte, 383), 1)}
	return []Attack{
		{
			Row: "A1", Does: "commits to nothing, and tries DHPart2 after DHPart2 until both would show one SAS", Want: OneLeft,
			Offer: legOffer, ownName: true, play: bruteForce,
		},
		{Row: "A2", Does: "DH3k: puts 0 into DHPart1", Want: Ended, change: publicValue(wire.TypeDHPart1, weak["0"]), Offer: only("DH3k")},
		{Row: "A2", Does: "DH3k: puts 1 into DHPart1", Want: Ended, change: publicValue(wire.TypeDHPart1, weak["1"]), Offer: only("DH3k")},
		{Row: "A2", Does: "DH3k: puts 2^3072-1 into DHPart1", Want: Ended, change: publicValue(wire.TypeDHPart1, ff), Offer: only("DH3k")},
		{Row: "A2", Does: "DH3k: puts 1 into DHPart2", Want: Ended, change: publicValue(wire.TypeDHPart2, weak["1"]), Offer: only("DH3k")},
		{Row: "A2", Does: "X255: puts 0 into both DHParts", Want: Ended, Offer: only("X255"), change: func(from int, msg []byte) [][]byte {
			publicValue(wire.TypeDHPart1, weak["0"][:32])(from, msg)
			return publicValue(wire.TypeDHPart2, weak["0"][:32])(from, msg)
		}},
		{Row: "A3 A4", Does: "sends fragments that reach beyond their message, overlap, and have no length, beside the true ones", Want: Unharmed, play: hostileFragments},
		{Row: "A5", Does: "sends messages with lengths that lie, beside the true ones", Want: Unharmed, change: beside(
			wire.Raw{Preamble: 0x505a, Length: 3, Type: wire.TypeHello}, wire.Raw{Preamble: 0x505a, Length: 99, Type: wire.TypeDHPart1},
			wire.Raw{Preamble: 0x505a, Length: 4, Type: wire.TypeConfirm1, Body: ff[:4]}, wire.Raw{Preamble: 0x505a, Length: 0, Type: wire.TypePing},
		)},
		{
			Row: "A7", Does: "talks to both in their friends' ZIDs, without the secrets that they share", Want: Alarm,
			Offer: legOffer, Friends: true, ownName: true, play: inOwnName(theFriend),
		},
		{Row: "A8", Does: "changes a Hello that signalling announced", Want: Ended, Announced: true, change: onHello(stripped)},
		{
			Row: "A9", Does: "at the first contact, and with no hash in signalling, talks to both in its own name", Want: TwoSAS,
			Offer: legOffer, ownName: true, play: inOwnName(stranger('m', 'n')),
		},
		{Row: "A13", Does: "sends a forged GoClear beside each message", Want: Unharmed, change: beside(wire.GoClear{})},
		{Row: "A14", Does: "sends a forged SASrelay beside each message", Want: Unharmed, change: beside(wire.SASRelay{Encrypted: make([]byte, 40)})},
		{Row: "A17 A18", Does: "strips both Hellos of all that is not mandatory", Want: Ended, change: onHello(stripped)},
		{Row: "A17 A18", Does: "says in both Hellos that they are of version 0.90", Want: Ended, change: alter(wire.TypeHello, func(msg []byte) { copy(msg[12:], "0.90") })},
		{Row: "A19", Does: "has Commit choose DH2k", Want: Ended, change: commitWord(3, "DH2k"), Offer: only("X255")},
		{Row: "A19", Does: "has Commit choose a hash that nobody offered", Want: Ended, change: commitWord(0, "N256"), Offer: only("X255")},
		{Row: "A19", Does: "has Commit choose S256 and EC38", Want: Ended, change: func(from int, msg []byte) [][]byte {
			commitWord(0, "S256")(from, msg)
			return commitWord(3, "EC38")(from, msg)
		}, Offer: only("EC38")},
		{Row: "A20", Does: "sends HelloACK, ErrorACK, ClearACK and RelayACK beside each message, once the two have met", Want: Unharmed, change: once(
			wire.HelloACK{}, wire.ErrorACK{}, wire.ClearACK{}, wire.RelayACK{},
		)},
		{Row: "A20", Does: "sends an Error beside each message, once the two have met", Want: Unharmed, change: once(wire.Error{Code: wire.CodeSoftware})},
		{Row: "A21", Does: "sends each end its own packets back", Want: Ended, play: reflected},
		{Row: "A22", Does: "changes the MAC of Commit", Want: Ended, change: alter(wire.TypeCommit, flipAt(-1))},
		{Row: "A22", Does: "changes the MAC of DHPart1", Want: Ended, change: alter(wire.TypeDHPart1, flipAt(-1))},
		{Row: "A22", Does: "changes the MAC of DHPart2", Want: Ended, change: alter(wire.TypeDHPart2, flipAt(-1))},
		{Row: "A22", Does: "changes the H1 of DHPart2", Want: Ended, change: alter(wire.TypeDHPart2, flipAt(12))},
		{Row: "A23", Does: "changes the MAC of Confirm1", Want: Ended, change: alter(wire.TypeConfirm1, flipAt(12))},
		{Row: "A23", Does: "changes the flags in Confirm1", Want: Ended, change: alter(wire.TypeConfirm1, flipAt(20+16+32+3))},
		{Row: "A23", Does: "changes the IV of Confirm1", Want: Ended, change: alter(wire.TypeConfirm1, flipAt(20))},
		{Row: "A25", Does: "sends a Multistream Commit of its own beside each message", Want: Unharmed, change: beside(wire.Commit{
			Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.Mult, SAS: wire.B32,
		})},
		{Row: "A35", PostQuantum: true, Does: "changes the X25519 of the public key in Commit", Want: Ended, change: alter(wire.TypeCommit, flipAt(12+32+12+20+32))},
		{Row: "A35", PostQuantum: true, Does: "changes the ML-KEM of the public key in Commit", Want: Ended, change: alter(wire.TypeCommit, flipAt(-20))},
		{Row: "A35", PostQuantum: true, Does: "changes the ciphertext in DHPart1", Want: Ended, change: alter(wire.TypeDHPart1, flipAt(-20))},
		{Row: "A35", PostQuantum: true, Does: "changes the nonce in DHPart2", Want: Ended, change: alter(wire.TypeDHPart2, flipAt(-12))},
		{Row: "A35", PostQuantum: true, Does: "takes what is post-quantum out of both Hellos", Want: Ended, change: onHello(func(msg []byte) [][]byte {
			h, err := wire.ParseHello(msg)
			if err == nil {
				h.KeyAgreements = slices.DeleteFunc(h.KeyAgreements, wire.Algorithm.KEM)
			}
			return one(h.Append(nil))
		})},
		{Row: "A36", Does: "sends fifty Commits of its own beside each message", Want: Unharmed, change: beside(slices.Repeat([]wire.Message{wire.Commit{
			Hash: wire.S384, Cipher: wire.AES3, AuthTag: wire.HS80, KeyAgreement: wire.X2M2, SAS: wire.B256, PublicKey: make([]byte, 1216),
		}}, 50)...)},
	}
}
