package report

import (
	"math"
	"time"
)

// Cost is what a run uses of both services.
type Cost struct {
	// Sansan: requests made to read the cards, and those allowed a second.
	Sansan     int     `json:"sansan_requests"`
	SansanRate float64 `json:"sansan_requests_per_second"`
	// Satori: rows to be written and the requests they take at least: calls of the
	// single API, uploads, and looks at the running jobs.
	Rows       int     `json:"satori_rows"`
	Single     int     `json:"satori_single_calls"`
	Uploads    int     `json:"satori_uploads"`
	Polls      int     `json:"satori_polls"`
	SatoriRate float64 `json:"satori_requests_per_second"`
}

// Writing says how satori_output sends rows.
type Writing struct {
	API       string // auto, single, bulk
	Threshold int    // rows from which auto uses the bulk API
	MaxRows   int    // of one upload
	Rate      float64
}

// pollsPerJob is the least number of looks at a job: one finds it at work, the
// next finished.
const pollsPerJob = 2

// AddRows adds the requests that rows of one verb take.
func (c *Cost) AddRows(rows int, w Writing) {
	c.Rows += rows
	c.SatoriRate = w.Rate
	switch {
	case rows == 0:
	case w.API == "single", w.API == "auto" && rows < w.Threshold:
		c.Single += rows
	default:
		jobs := (rows + w.MaxRows - 1) / max(w.MaxRows, 1)
		c.Uploads += jobs
		c.Polls += jobs * pollsPerJob
	}
}

// Satori is the number of requests to SATORI.
func (c Cost) Satori() int { return c.Single + c.Uploads + c.Polls }

// SansanTime and SatoriTime are what the requests take under the quotas; the time
// SATORI itself needs for a job is not known beforehand.
func (c Cost) SansanTime() time.Duration { return under(c.Sansan, c.SansanRate) }
func (c Cost) SatoriTime() time.Duration { return under(c.Satori(), c.SatoriRate) }

func under(requests int, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(float64(requests)/rate)) * time.Second
}
