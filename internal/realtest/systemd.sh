# Runs one systemd in namespaces of its own and takes it down when standard
# input ends, however the test that asked for it ended. Prints the process id
# of that systemd, as seen from outside. Run it by "unshare --mount", so that
# no mount made here is ever seen by the machine.
#   $1  a name for the control group, unused so far
#   $2  the systemd binary
set -eu
name=$1 systemd=$2

mount -n -t tmpfs tmpfs /run
mkdir /run/cgroup
mount -n -t cgroup2 cgroup2 /run/cgroup
mkdir "/run/cgroup/$name"

# The first process of the new process namespace still has the machine's /proc,
# which tells it the id that it has outside.
unshare --mount --pid --fork --kill-child --uts --ipc sh -euc '
	read -r pid rest < /proc/self/stat
	echo 0 > "/run/cgroup/$0/cgroup.procs"
	echo "$pid" > /run/pid
	echo "$pid"
	exec unshare --cgroup sh -euc "$2" "$1"
' "$name" "$systemd" '
	mount -n -t tmpfs tmpfs /run
	mkdir -p /run/systemd/system /run/systemd/none
	mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -n -t proc proc /proc
	# What systemd would change of the machine when it boots.
	mount -n --bind /proc/sys /proc/sys
	mount -n -o remount,bind,ro /proc/sys
	mount -n --bind /etc /etc
	mount -n -o remount,bind,ro /etc
	mount -n --bind /dev/null /dev/console
	# Empty stand-ins for the targets that every unit depends on by default.
	for target in paramedic sysinit basic shutdown; do
		printf "[Unit]\nDefaultDependencies=no\n" > /run/systemd/system/$target.target
	done
	# systemd drops a caller whose process id it cannot see, as is everybody
	# outside. Its own proxy, running inside, stands between.
	cd /run/systemd/system
	printf "[Socket]\nListenStream=/run/outside/private\n" > outside.socket
	printf "[Service]\nExecStart=%s-socket-proxyd /run/systemd/private\n" "$0" > outside.service
	mkdir paramedic.target.wants
	ln -s ../outside.socket paramedic.target.wants/
	cd /
	# Only units written by the test exist: no unit or generator of the machine.
	exec env -i container=docker \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		SYSTEMD_UNIT_PATH=/run/systemd/system \
		SYSTEMD_GENERATOR_PATH=/run/systemd/none \
		"$0" --system --unit=paramedic.target --log-target=null --show-status=false
' &
child=$!

read -r _ || true

# All processes of the namespace die with its first one, and unshare collects
# it; killing unshare would leave a dead process to whoever is above.
kill -KILL "$(cat /run/pid || echo "$child")" 2>/dev/null || true
wait "$child" 2>/dev/null || true
tries=200
until find "/run/cgroup/$name" -depth -type d -exec rmdir {} + 2>/dev/null; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || { echo "control group $name is still in use" >&2; exit 1; }
	sleep 0.02
done
