package oneshot

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func fired() bool {
	select {
	case <-Done():
		return true
	default:
		return false
	}
}

func TestUnarmedProcessGoesOn(t *testing.T) {
	t.Cleanup(Reset)
	require.False(t, Fail(errors.New("trouble")))
	require.False(t, fired())
	require.NoError(t, Err())
}

func TestArmedProcessEndsWithItsFirstError(t *testing.T) {
	t.Cleanup(Reset)
	Arm()
	Arm()
	require.False(t, fired())
	require.True(t, Fail(errors.New("first")))
	require.True(t, Fail(errors.New("second")))
	require.True(t, fired())
	require.EqualError(t, Err(), "first")
	Reset()
	require.False(t, fired())
	require.NoError(t, Err())
}

func TestManyMayFailAtOnce(t *testing.T) {
	t.Cleanup(Reset)
	Arm()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { Fail(errors.New("trouble")) })
	}
	<-Done()
	wg.Wait()
	require.EqualError(t, Err(), "trouble")
}
