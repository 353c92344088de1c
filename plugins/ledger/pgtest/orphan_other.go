//go:build unix && !linux

package pgtest

import "syscall"

// endWithParent: only Linux tells a child.
func endWithParent(*syscall.SysProcAttr) {}
