package offer

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Crypto is one a=crypto line (RFC 4568): a suite, and the key that whoever
// wrote it sends with, readable for everyone who reads the signalling.
type Crypto struct {
	Tag   int
	Suite string
	// Key is the master key and salt, one after the other.
	Key []byte
}

// Suite is a way to encrypt SRTP, by its name in SDP.
type Suite struct {
	Name string
	// KeyBytes and SaltBytes of the master key.
	KeyBytes, SaltBytes int
	// AEAD: AES-GCM (RFC 7714), else AES-CM with a tag of 80 bits.
	AEAD bool
}

// suites are those that we offer and take, the best known ones first. Tags of 32
// bits are not among them: Linphone has dropped them, too.
var suites = []Suite{
	{"AES_256_CM_HMAC_SHA1_80", 32, 14, false}, // RFC 6188
	{"AES_CM_128_HMAC_SHA1_80", 16, 14, false}, // RFC 4568
	{"AEAD_AES_256_GCM", 32, 12, true},         // RFC 7714
	{"AEAD_AES_128_GCM", 16, 12, true},
}

// Suites lists them.
func Suites() []Suite { return append([]Suite(nil), suites...) }

// SuiteOf finds a suite by its name, in whatever letters.
func SuiteOf(name string) (Suite, bool) {
	for _, s := range suites {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return Suite{}, false
}

const (
	// maxCryptos lines of a peer are read. Phones offer up to ten suites.
	maxCryptos = 32
	// RFC 4568, Section 9.2: a tag has at most nine digits.
	maxTag = 999999999
)

// cryptos reads the lines that can be used.
func cryptos(m *sdp.MediaDescription) (all []Crypto) {
	for _, a := range m.Attributes {
		if a.Key != "crypto" || len(all) == maxCryptos {
			continue
		}
		if c, ok := parseCrypto(a.Value); ok {
			all = append(all, c)
		}
	}
	return all
}

// parseCrypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:<key and salt>|2^20".
//
// RFC 4568, Section 6.1: a lifetime may follow the key; it is longer than any
// call. A master key identifier (MKI) would have to stand in each packet: such
// lines are not taken, nor those with parameters that would turn protection off.
func parseCrypto(value string) (Crypto, bool) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return Crypto{}, false
	}
	tag, err := strconv.Atoi(f[0])
	suite, known := SuiteOf(f[1])
	if err != nil || tag < 0 || tag > maxTag || !known || !harmless(f[3:]) {
		return Crypto{}, false
	}
	inline, ok := strings.CutPrefix(f[2], "inline:")
	key, more, _ := strings.Cut(inline, "|")
	if !ok || strings.ContainsAny(more, ":;") || strings.Contains(key, ";") {
		return Crypto{}, false
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(key, "="))
	if err != nil || len(b) != suite.KeyBytes+suite.SaltBytes {
		return Crypto{}, false
	}
	return Crypto{tag, suite.Name, b}, true
}

// harmless session parameters are the window's size, which is advice.
func harmless(parameters []string) bool {
	for _, p := range parameters {
		if !strings.HasPrefix(strings.ToUpper(p), "WSH=") {
			return false
		}
	}
	return true
}

func (c Crypto) String() string {
	return strconv.Itoa(c.Tag) + " " + c.Suite + " inline:" + base64.StdEncoding.EncodeToString(c.Key)
}

// SDES is what both sides agreed on.
type SDES struct {
	Suite            Suite
	Sending, Receive []byte // master key and salt
}

// ZRTPBeside tells whether a phone insists on keys in the signalling, which we could
// answer, and announces ZRTP beside them: to be encrypted as far as its provider at
// least. Those keys need not be used, since ZRTP brings others (RFC 6189, Section 8).
func (d Description) ZRTPBeside() bool {
	return d.Profile == SRTP && len(d.ZRTPHashes) > 0 && len(d.Cryptos) > 0
}

// beside: it is answered with keys that nobody uses, because ZRTP's are.
func (d Description) beside(l Local) bool {
	return d.ZRTPBeside() && len(l.Crypto) == 0 && len(l.Beside) > 0
}

// keysOf are what we answer with.
func (d Description) keysOf(l Local) []Crypto {
	if d.beside(l) {
		return l.Beside
	}
	return l.Crypto
}

// chosen is the first of an offer's lines that we take, and our own for it.
func (d Description) chosen(from []Crypto) (theirs, ours Crypto, ok bool) {
	for _, theirs := range d.Cryptos {
		for _, ours := range from {
			if theirs.Suite == ours.Suite {
				// RFC 4568, Section 5.1.2: the answer has the tag of the offer.
				ours.Tag = theirs.Tag
				return theirs, ours, true
			}
		}
	}
	return Crypto{}, Crypto{}, false
}

// accepted is the answer's line and ours of the same tag.
//
// RFC 4568, Section 5.1.3: the tag and suite of the answer must be of one line
// of the offer.
func (d Description) accepted(l Local) (theirs, ours Crypto, ok bool) {
	if len(d.Cryptos) != 1 {
		return Crypto{}, Crypto{}, false
	}
	theirs = d.Cryptos[0]
	for _, ours := range l.Crypto {
		if theirs.Tag == ours.Tag && theirs.Suite == ours.Suite {
			return theirs, ours, true
		}
	}
	return Crypto{}, Crypto{}, false
}

// sdes puts two lines together.
func sdes(theirs, ours Crypto) *SDES {
	suite, _ := SuiteOf(ours.Suite)
	return &SDES{Suite: suite, Sending: ours.Key, Receive: theirs.Key}
}
