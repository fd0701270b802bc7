// Package speech embeds the recordings that the demonstration plays. Their
// origin is in README.md.
package speech

import _ "embed" // the recordings

// Alice and Bob are two speakers, as WAV, mono, 16 kHz.
var (
	//go:embed alice.wav
	Alice []byte
	//go:embed bob.wav
	Bob []byte
)
