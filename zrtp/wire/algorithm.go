package wire

import "strings"

// Algorithm is one of the four-character blocks of RFC 6189, Sections 5.1.2 to
// 5.1.6. Shorter values are filled with spaces when written.
type Algorithm string

// The blocks that this project names somewhere. X255 and X448 are not in the
// RFC; they are X25519 and X448 as other phones send them.
const (
	S256 Algorithm = "S256"
	S384 Algorithm = "S384"

	AES1 Algorithm = "AES1"
	AES3 Algorithm = "AES3"

	HS32 Algorithm = "HS32"
	HS80 Algorithm = "HS80"

	X255 Algorithm = "X255"
	X448 Algorithm = "X448"
	EC25 Algorithm = "EC25"
	EC38 Algorithm = "EC38"
	EC52 Algorithm = "EC52"
	DH3k Algorithm = "DH3k"
	Prsh Algorithm = "Prsh"
	Mult Algorithm = "Mult"

	B32  Algorithm = "B32 "
	B256 Algorithm = "B256"
)

const algorithmLen = 4

// Name is the block without the spaces that fill it.
func (a Algorithm) Name() string { return strings.TrimRight(string(a), " ") }

// Named is the block for a name that may lack the spaces that fill it.
func Named(name string) Algorithm {
	return Algorithm(appendPadded(nil, name, algorithmLen))
}

func (r *reader) algorithm() Algorithm { return Algorithm(r.next(algorithmLen)) }

func (r *reader) algorithms(n int) []Algorithm {
	if n == 0 {
		return nil
	}
	list := make([]Algorithm, n)
	for i := range list {
		list[i] = r.algorithm()
	}
	return list
}

func appendAlgorithms(dst []byte, list ...Algorithm) []byte {
	for _, a := range list {
		dst = appendPadded(dst, string(a), algorithmLen)
	}
	return dst
}
