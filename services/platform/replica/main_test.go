package replica_test

import (
	"testing"

	"go.uber.org/goleak"

	"coso/services/platform/feed/feedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }
