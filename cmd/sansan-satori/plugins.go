package main

import (
	// Our components, one package each.
	_ "sansansatori/plugins/japanese"
)
