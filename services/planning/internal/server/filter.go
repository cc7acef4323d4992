package server

import (
	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/planning/internal/records"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// knownUnit refuses a filter, in field, by a unit that does not exist in the copy: NotFound. An empty list would look as if the unit had
// nothing to show.
func knownUnit(r store.Reader, field, name string) error {
	if name == "" {
		return nil
	}
	_, ok, err := records.Units.Find(r, name)
	if err == nil && !ok {
		err = fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, field, "name", name)
	}
	return err
}
