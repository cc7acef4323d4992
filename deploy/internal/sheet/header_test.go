package sheet

import (
	"strings"
	"testing"
)

// A name in the header that is nearly a column's is answered with the column.
func TestMisspeltHeaders(t *testing.T) {
	for header, says := range map[string]string{
		"id,displayname,level,parent,valid_from":         "units: correct the names of columns in the first row: displayname to display_name",
		"id,display name,levl,parent,valid_from":         "units: correct the names of columns in the first row: display name, levl to display_name, level",
		"id,display_name,level,parent,valid_from,closed": "units have no column \"closed\"; did you mean closed_on?",
		"id,display_name,level,parent,valid_from,ghi":    "units have no column \"ghi\"; their columns are id,",
	} {
		h, err := parseHead(strings.Split(header, ","))
		if err == nil {
			_, err = nounOf(h)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: says %v", header, err)
		}
	}
}
