//go:build unix

package main

import "syscall"

// ownFilesOnly: what the link writes holds personal data. Whatever component
// creates a file or a folder, it is the user's alone (0600, 0700).
func ownFilesOnly() { syscall.Umask(0o077) }
