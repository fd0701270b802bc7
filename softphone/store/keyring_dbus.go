//go:build linux || freebsd || netbsd || openbsd || dragonfly

package store

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// The Secret Service, where go-keyring will look:
// https://specifications.freedesktop.org/secret-service-spec/
const (
	dbusSecretService = "org.freedesktop.secrets"
	loginCollection   = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	otherCollection   = dbus.ObjectPath("/org/freedesktop/secrets/aliases/default")
	lockedInterface   = "org.freedesktop.Secret.Collection"
	getProperty       = "org.freedesktop.DBus.Properties.Get"
	errRingAbsentMsg  = "there is no desktop keyring"
)

// ringReady tells whether the keyring can be asked without hanging, starting a
// bus of its own, or, unless somebody attends, showing a prompt.
func ringReady(ctx context.Context, attended bool) error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return errors.New(errRingAbsentMsg)
	}
	defer conn.Close()
	if conn.Auth(nil) != nil || conn.Hello() != nil {
		return errors.New(errRingAbsentMsg)
	}
	locked, err := ringLocked(ctx, conn)
	if err != nil {
		return errors.New(errRingAbsentMsg)
	}
	if locked && !attended {
		return errRingLocked
	}
	return nil
}

func ringLocked(ctx context.Context, conn *dbus.Conn) (locked bool, err error) {
	for _, path := range []dbus.ObjectPath{loginCollection, otherCollection} {
		call := conn.Object(dbusSecretService, path).CallWithContext(ctx, getProperty, 0, lockedInterface, "Locked")
		if err = call.Store(&locked); err == nil {
			return locked, nil
		}
	}
	return false, err
}
