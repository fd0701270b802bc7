package assay

import "strings"

// algorithm names what ZRTP calls by four characters in words that a person
// can look up.
type algorithm struct{ name, words string }

// keyAgreements lists what is accepted. DH2k never is, nor what would rest on a
// young method alone.
var keyAgreements = []algorithm{
	{"DH3k", "3072-bit Diffie-Hellman"},
	{"EC25", "Diffie-Hellman on P-256"},
	{"EC38", "Diffie-Hellman on P-384"},
	{"X255", "X25519"},
	{"X448", "X448"},
	{firstHybrid, "X25519 with Kyber-512"},
	{"X1M1", "X25519 with ML-KEM-512"},
	{"X3K3", "X448 with Kyber-1024"},
	{"X3M3", "X448 with ML-KEM-1024"},
	{"X2M2", "X25519 with ML-KEM-768"},
}

// firstHybrid is the first of the key agreements that also withstand a quantum
// computer.
const firstHybrid = "X1K1"

// class tells how strong a key agreement is: 2 withstands a quantum computer, 1
// does not, 0 is unknown. Within a class either end may choose (contention
// decides whose choice counts), so a change there is no downgrade.
func class(keyAgreement string) int {
	switch at := find(keyAgreements, keyAgreement); {
	case at < 0:
		return 0
	case at < find(keyAgreements, firstHybrid):
		return 1
	default:
		return 2
	}
}

var (
	hashes  = []algorithm{{"S256", "SHA-256"}, {"S384", "SHA-384"}}
	ciphers = []algorithm{{"AES1", "AES-128"}, {"AES3", "AES-256"}}
	tags    = []algorithm{{"HS32", "32-bit tags"}, {"HS80", "80-bit tags"}}
	// sasTypes say how many wrong guesses a liar has to make on average.
	sasTypes = []algorithm{{"B256", "65,536"}, {"B32", "1,048,576"}}
)

// find returns the position of a name, and -1 for one that is not accepted.
// RFC 6189, Section 5.1: names are padded with spaces to four characters.
func find(list []algorithm, name string) int {
	for i, a := range list {
		if a.name == strings.TrimRight(name, " ") {
			return i
		}
	}
	return -1
}

// words returns the plain name of an algorithm.
func words(list []algorithm, name string) string {
	if i := find(list, name); i >= 0 {
		return list[i].words
	}
	return "an unknown one"
}

// accepted tells whether all five choices are ones that Karat makes. The
// engine has refused others already; this is the second lock on the door.
func accepted(f Facts) bool {
	return find(keyAgreements, f.KeyAgreement) >= 0 &&
		find(hashes, f.Hash) >= 0 &&
		find(ciphers, f.Cipher) >= 0 &&
		find(tags, f.AuthTag) >= 0 &&
		find(sasTypes, f.SASType) >= 0
}

// weakened tells whether the key agreement is weaker than the best one before.
// A best one that we do not know comes from a newer Karat, and was better.
func weakened(f Facts) bool {
	if f.BestBefore == "" {
		return false
	}
	best := class(f.BestBefore)
	return best == 0 || class(f.KeyAgreement) < best
}
