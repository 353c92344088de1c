// Package all registers every component of ours.
package all

import (
	_ "sansansatori/plugins/deadletters"
	_ "sansansatori/plugins/exportinput"
	_ "sansansatori/plugins/japanese"
	_ "sansansatori/plugins/ledgeroutput"
	_ "sansansatori/plugins/rotatingfile"
	_ "sansansatori/plugins/sansaninput"
	_ "sansansatori/plugins/satorioutput"
	_ "sansansatori/plugins/sealing"
	_ "sansansatori/plugins/smtpoutput"
)
