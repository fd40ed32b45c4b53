"""Put pip into the environment whose Python runs this, which has none; ansible-test would get a script from the web.

The pip of the development environment does it. ansible-test names the version, among options of its own script.
"""

import subprocess
import sys

packages = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
install = ["pip", "--python", sys.executable, "install", "--quiet", "--disable-pip-version-check", *packages]
sys.exit(subprocess.run(install, check=False).returncode)
