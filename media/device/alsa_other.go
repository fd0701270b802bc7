//go:build !linux

package device

func silenceALSA() {}

// soundCards would tell when a sound card comes or goes.
func soundCards() string { return "" }
