package sansansim

import "net/http"

func (s *Sim) newPages() http.Handler { return http.NotFoundHandler() }
