package pgtest

import "syscall"

// endWithParent has the server end, when the test process is
// killed and cannot stop it.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
