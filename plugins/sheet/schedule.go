package sheet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sansansatori/plugins/report"
)

var weekdays = map[string][2]string{
	"SUN": {"日", "Sunday"}, "MON": {"月", "Monday"}, "TUE": {"火", "Tuesday"}, "WED": {"水", "Wednesday"},
	"THU": {"木", "Thursday"}, "FRI": {"金", "Friday"}, "SAT": {"土", "Saturday"},
}

// scheduleInWords says the usual schedules as people do; any other stays as it is.
func scheduleInWords(text string, lang report.Lang) string {
	if text == "" {
		return pick(lang, "なし", "never")
	}
	if text == "once" {
		return pick(lang, "起動ごとに1回（起動は別の仕組みによる）", "once whenever it is started by something else")
	}
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		d, err := time.ParseDuration(every)
		switch {
		case err != nil:
			return text
		case d%time.Hour == 0:
			return fmt.Sprintf(pick(lang, "%d時間ごと", "every %d hours"), d/time.Hour)
		case d%time.Minute == 0:
			return fmt.Sprintf(pick(lang, "%d分ごと", "every %d minutes"), d/time.Minute)
		}
		return fmt.Sprintf(pick(lang, "%d秒ごと", "every %d seconds"), int(d.Seconds()))
	}
	zone := "Asia/Tokyo"
	cron := text
	if rest, ok := strings.CutPrefix(text, "TZ="); ok {
		zone, cron, _ = strings.Cut(rest, " ")
	}
	zone = fmt.Sprintf(pick(lang, "（%s）", " (%s)"), zone)
	parts := strings.Fields(cron)
	if len(parts) == 5 && parts[2] == "*" && parts[3] == "*" {
		m, errM := strconv.Atoi(parts[0])
		h, errH := strconv.Atoi(parts[1])
		day, weekly := weekdays[strings.ToUpper(parts[4])]
		switch {
		case errM != nil || errH != nil:
		case parts[4] == "*":
			return fmt.Sprintf(pick(lang, "毎日 %02d:%02d", "every day at %02d:%02d"), h, m) + zone
		case weekly:
			return fmt.Sprintf(pick(lang, "毎週%s曜 %02d:%02d", "every %s at %02d:%02d"), pick(lang, day[0], day[1]), h, m) + zone
		}
	}
	return "cron " + cron + zone
}
