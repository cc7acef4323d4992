package store
import ("testing";"fmt";"sync";"syscall";"time")
func cpu() time.Duration { var r syscall.Rusage; _ = syscall.Getrusage(syscall.RUSAGE_SELF,&r); return time.Duration(r.Utime.Nano()+r.Stime.Nano()) }
func TestZZ(t *testing.T) {
	for _, writers := range []int{1,64} {
	a, b := open(t,t.TempDir()), open(t,t.TempDir())
	if err := b.db.Update(func(w *overlay) error { w.digest=nil; return nil }); err != nil { t.Fatal(err) }
	n := 0
	var sum [2]time.Duration; var wall [2]time.Duration; var ops int
	for round := range 30 {
		per := 200
		if writers > 1 { per = 1000 }
		for k, s := range []*bench{a,b} {
			c0, t0 := cpu(), time.Now()
			var wg sync.WaitGroup
			for w := range writers { wg.Go(func(){ for i := range per/writers { id := n+ w*per + i
				if _, err := create(caller(), s, enterprise(id,"units/u",fmt.Sprint(id)),""); err != nil { t.Error(err) }
				if _, err := rename(caller(), s, fmt.Sprintf("enterprises/e%d",id), "x", ""); err != nil { t.Error(err) } } }) }
			wg.Wait()
			if round > 2 { sum[k]+=cpu()-c0; wall[k]+=time.Since(t0); if k==0 { ops += 2*(per/writers)*writers } }
		}
		n += per*writers
	}
	t.Logf("writers %d: cpu with %v without %v (+%.1f%%), per op %v; wall %v %v (%+.1f%%) ops %d", writers, sum[0], sum[1], 100*(float64(sum[0])/float64(sum[1])-1), (sum[0]-sum[1])/time.Duration(ops), wall[0], wall[1], 100*(float64(wall[0])/float64(wall[1])-1), ops)
	}
}
