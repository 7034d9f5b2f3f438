#!/bin/sh
# Installs what has been built: install.sh DESTDIR PREFIX BUILD. Run by `make install`.
# Units, users and temporary files go where systemd looks for those of the prefix.
set -eu
destdir=$1 prefix=$2 build=$3
here=$(dirname "$0")

case $prefix in
/usr | /usr/local) etc=/etc ;;
*) etc=$prefix/etc ;;
esac

put() { # mode, file, directory
	install -d "$destdir$3"
	install -m "$1" "$2" "$destdir$3/"
}

# The units name the program by its whole path.
put_unit() { # file
	install -d "$destdir$prefix/lib/systemd/system"
	sed "s|@PREFIX@|$prefix|g" "$here/$1" > "$destdir$prefix/lib/systemd/system/$1"
	chmod 644 "$destdir$prefix/lib/systemd/system/$1"
}

for program in triglav triglav-ctl; do
	if [ -x "$build/$program" ]; then put 755 "$build/$program" "$prefix/bin"; fi
done
put_unit triglav-server.service
put_unit triglav@.service
put 644 "$here/triglav.sysusers" "$prefix/lib/sysusers.d"
put 644 "$here/triglav.tmpfiles" "$prefix/lib/tmpfiles.d"
mv "$destdir$prefix/lib/sysusers.d/triglav.sysusers" "$destdir$prefix/lib/sysusers.d/triglav.conf"
mv "$destdir$prefix/lib/tmpfiles.d/triglav.tmpfiles" "$destdir$prefix/lib/tmpfiles.d/triglav.conf"
for program in triglav triglav-ctl; do
	put 644 "$here/$program.bash" "$prefix/share/bash-completion/completions"
	mv "$destdir$prefix/share/bash-completion/completions/$program.bash" "$destdir$prefix/share/bash-completion/completions/$program"
	put 644 "$here/_$program" "$prefix/share/zsh/site-functions"
	put 644 "$here/$program.8" "$prefix/share/man/man8"
done
put 644 "$here/triglav.toml.5" "$prefix/share/man/man5"
install -d -m 755 "$destdir$etc/triglav"

# On the running system the group and the directories are wanted now.
if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then
	systemd-sysusers || true
	systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/triglav.conf" || true
	systemctl daemon-reload || true
fi
