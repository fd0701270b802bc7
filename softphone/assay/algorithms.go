package assay

import "strings"

// algorithm names what ZRTP calls by four characters in words that a person
// can look up.
type algorithm struct{ name, words string }

// keyAgreements lists what is accepted, weakest first. The order is that of
// preference, strongest last: after a stronger one, a weaker one is a
// downgrade. DH2k is never accepted.
var keyAgreements = []algorithm{
	{"DH3k", "3072-bit Diffie-Hellman"},
	{"EC38", "Diffie-Hellman on P-384"},
	{"EC25", "Diffie-Hellman on P-256"},
	{"X255", "X25519"},
	{hybrid, "X25519 with ML-KEM-768"},
}

// hybrid is the key agreement that also withstands a quantum computer.
const hybrid = "X2M2"

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
	best := find(keyAgreements, f.BestBefore)
	return best < 0 || find(keyAgreements, f.KeyAgreement) < best
}
