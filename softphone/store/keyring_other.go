//go:build !(linux || freebsd || netbsd || openbsd || dragonfly)

package store

import "context"

// ringReady: these systems' keyrings answer or fail by themselves.
func ringReady(context.Context, bool) error { return nil }
