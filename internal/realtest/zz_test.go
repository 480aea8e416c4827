package realtest
import ("testing";"os";"fmt";"github.com/godbus/dbus/v5";"time")
func TestZZ(t *testing.T){
 c,err:=dbus.Dial("unix:path=/proc/"+os.Getenv("ZP")+"/root/run/systemd/private")
 fmt.Println(err)
 fmt.Println(c.Auth([]dbus.Auth{dbus.AuthExternal("0")}))
 time.Sleep(100*time.Millisecond)
 fmt.Println(c.Hello())
 var v dbus.Variant
 fmt.Println(c.Object("org.freedesktop.systemd1","/org/freedesktop/systemd1").Call("org.freedesktop.DBus.Properties.Get",0,"org.freedesktop.systemd1.Manager","Version").Store(&v), v)
}
