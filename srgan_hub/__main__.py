import sys

from srgan_hub.cli import main

sys.exit(main())
