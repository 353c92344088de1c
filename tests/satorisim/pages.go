package satorisim

import "net/http"

func newPages(s *Sim) http.Handler { return http.NotFoundHandler() }
