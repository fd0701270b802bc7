//go:build !unix

package device

// quiet does nothing where the host APIs print nothing.
func quiet() (restore func()) { return func() {} }
